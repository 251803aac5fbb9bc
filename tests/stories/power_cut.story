# All power was cut; everything is stopped: started again in launch order.
farm shop sequential
role web min 2 max 4 storage
role lb min 1 max 1 balances web
started 5s
seen web-1 stopped age 2s
seen web-2 stopped age 2s
seen lb-1 stopped age 2s
plan
later 2s
turns web-1 running
plan
later 1s
turns web-2 running
turns lb-1 running
plan
---
shop     bring up: all of it was stopped 0 ms ago
web-1    start: all servers of the farm were stopped
web-2    start: all servers of the farm were stopped
lb-1     wait: launch order: web has nothing running
> start web-1
> start web-2

shop     bring up: all of it was stopped 2 s ago
lb-1     start: all servers of the farm were stopped
web-2    wait: start under way for 2 s
> start lb-1

web      keep
lb       keep
