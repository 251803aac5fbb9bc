# After a power cut nothing is started while healing is held.
farm shop
role web min 2 max 4
seen web-1 stopped age 4s
seen web-2 stopped age 4s
hold shop heal for 10m an electrician is at work
plan
later 10m
look
plan
---
shop     bring up: all of it was stopped 0 ms ago
web-1    wait: heal is held, 10 m left: an electrician is at work
web-2    wait: heal is held, 10 m left: an electrician is at work

shop     bring up: all of it was stopped 10 m ago
web-1    start: all servers of the farm were stopped
web-2    start: all servers of the farm were stopped
> start web-1
> start web-2
