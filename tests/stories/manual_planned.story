# The cloud never heard of it: cancelled, and another takes its place.
farm shop
role web min 1 max 4
plan
ask web-1 terminate
plan
---
web-1    launch: farm launched, target 1
> launch web-1 (farm launched)

web-1    retire: a person asked for it; the cloud never heard of it
web-1    launch: replaces web-1
> cancel web-1
> launch web-1 (replacement)
