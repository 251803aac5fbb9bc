# Scaling is held: the target stays, and moves as soon as the hold ends.
farm shop
role web min 2 max 4 cpu 60 20
seen web-1 running age 4s
seen web-2 running age 4s
reading web cpu 90
hold web scale for 2h black friday
plan
later 2h
look
reading web cpu 90
plan
---
web      wait: scale is held, 2 h left: black friday

web      target 2 -> 3: CpuPercent 90.0 > 60 (over 1 m of 2 of 2 servers, newest 0 ms old)
web-3    launch: scaling up, target 3
> launch web-3 (scaling up)
