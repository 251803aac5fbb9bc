# A new farm: all servers of the minimum at once.
farm shop
role web min 3 max 6
plan
---
web-1    launch: farm launched, target 3
web-2    launch: farm launched, target 3
web-3    launch: farm launched, target 3
> launch web-1 (farm launched)
> launch web-2 (farm launched)
> launch web-3 (farm launched)
