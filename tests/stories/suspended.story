# A person put one to sleep: it keeps its place, and is not replaced.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
ask web-2 sleep
turns web-2 pending_suspend
plan
turns web-2 suspended
plan
---
web-2    wait: a person put it to sleep

web-2    wait: a person put it to sleep
