# Readings of one server are enough to scale out.
farm shop
role web min 2 max 4 cpu 60 20
seen web-1 running age 4s
seen web-2 running age 4s
reading web cpu 97 have 1 of 2
plan
---
web      target 2 -> 3: CpuPercent 97.0 > 60 (over 1 m of 1 of 2 servers, newest 0 ms old)
web-3    launch: scaling up, target 3
> launch web-3 (scaling up)
