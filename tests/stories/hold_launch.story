# No launch is held for ever by itself: a hold without an end says so.
farm shop
role web min 3 max 4
seen web-1 running age 4s
hold shop launch the quota is being raised
plan
release shop launch
plan
---
web      wait: launch is held until it is released: the quota is being raised

web-2    launch: farm launched, target 3
web-3    launch: farm launched, target 3
> launch web-2 (farm launched)
> launch web-3 (farm launched)
