# What does not serve goes first when there are too many.
farm shop
role web min 2 max 3
failing web-1 for 1m
seen web-1 running age 1s
passing web-2
seen web-2 running age 1s
passing web-3
seen web-3 running age 1s
plan
---
web-1    wait: its check fails for 1 m: replaced in 4 m
web-1    retire: 1 more than the target of 2
> retire web-1 (scaling down) in 20 s
