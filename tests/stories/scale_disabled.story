# Without scaling the minimum counts.
farm shop
role web min 1 max 4 cpu 60 20 disabled
seen web-1 running age 4s
seen web-2 running age 4s
reading web cpu 99
plan
---
web-2    retire: 1 more than the target of 1
> retire web-2 (scaling down) in 20 s
