# Load: one more, and while it starts no further one.
farm shop
role web min 2 max 4 cpu 60 20
seen web-1 running age 4s
seen web-2 running age 4s
reading web cpu 83.4
plan
later 10s
plan
turns web-3 running
reading web cpu 75
plan
later 1m
look
plan
later 5s
turns web-4 running
look
plan
---
web      target 2 -> 3: CpuPercent 83.4 > 60 (over 1 m of 2 of 2 servers, newest 0 ms old)
web-3    launch: scaling up, target 3
> launch web-3 (scaling up)

web      wait: 1 starting: they will share the load
web-3    wait: launch under way for 10 s

web      wait: cool-down: 50 s left

web      target 3 -> 4: CpuPercent 75.0 > 60 (over 1 m of 3 of 3 servers, newest 1 m old)
web-4    launch: scaling up, target 4
> launch web-4 (scaling up)

web      wait: at the maximum of 4
