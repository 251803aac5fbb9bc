# Nothing at all; scaling goes on without waiting for the one that failed.
farm shop
role web min 3 max 5 heal none cpu 60 20
seen web-1 running age 1s
seen web-2 stopped age 1s
seen web-3 running age 1s
reading web cpu 80
plan
---
web-2    wait: the platform says it stopped, seen 1 s before: kept, nothing is done about it
web      target 3 -> 4: CpuPercent 80.0 > 60 (over 1 m of 3 of 3 servers, newest 0 ms old)
web-4    launch: scaling up, target 4
> launch web-4 (scaling up)
