# A hold that has ended holds nothing; of two, the later end counts.
farm shop
role web min 2 max 4 cpu 60 20
seen web-1 running age 4s
seen web-2 running age 4s
reading web cpu 90
hold web scale for 1m first
hold shop scale for 1h second
plan
later 10m
release shop scale
look
reading web cpu 90
plan
---
web      wait: scale is held, 1 h left: second

web      target 2 -> 3: CpuPercent 90.0 > 60 (over 1 m of 2 of 2 servers, newest 0 ms old)
web-3    launch: scaling up, target 3
> launch web-3 (scaling up)
