# One rule wants more, another fewer: more.
farm shop
role web min 2 max 4 cpu 60 20 load 4 1
seen web-1 running age 4s
seen web-2 running age 4s
reading web cpu 5
reading web load 4.5
plan
---
web      target 2 -> 3: LoadAverages 4.5 > 4 (over 1 m of 2 of 2 servers, newest 0 ms old)
web-3    launch: scaling up, target 3
> launch web-3 (scaling up)
