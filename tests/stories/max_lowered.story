# The maximum is lowered: what is not begun first, then what is not ready, then the highest.
farm shop
role web min 5 max 6
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
server web-4 pending age 10s
seen web-4 running age 4s
plan
role web min 1 max 2
plan
---
web-5    launch: farm launched, target 5
web-4    wait: getting ready for 10 s of 5 m
> launch web-5 (farm launched)

web      target 5 -> 2: 1 to 2 are declared
web-5    retire: 3 more than the target of 2; the cloud never heard of it
web-4    retire: 3 more than the target of 2
web-3    retire: 3 more than the target of 2
> cancel web-5
> retire web-4 (scaling down)
> retire web-3 (scaling down) in 20 s
