# The minimum is raised: the missing ones at once, the smallest free indexes.
farm shop
role web min 2 max 8
seen web-1 running age 4s
seen web-4 running age 4s
plan
role web min 5
plan
---
web      keep

web      target 2 -> 5: 5 to 8 are declared
web-2    launch: farm launched, target 5
web-3    launch: farm launched, target 5
web-5    launch: farm launched, target 5
> launch web-2 (farm launched)
> launch web-3 (farm launched)
> launch web-5 (farm launched)
