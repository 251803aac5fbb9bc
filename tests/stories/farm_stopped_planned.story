# A launch that no cloud heard of is cancelled.
farm shop
role web min 1 max 1
plan
farm shop stopped
plan
---
web-1    launch: farm launched, target 1
> launch web-1 (farm launched)

web-1    retire: the farm is stopped; the cloud never heard of it
shop     wait: stopped by a person: until it is started
> cancel web-1
