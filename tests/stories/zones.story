# Servers go where the fewest are; the first zone of the list first.
farm shop
role web min 5 max 6 zone a zone b zone c
server web-1 running age 1h zone b
seen web-1 running age 4s
plan
---
web-2    launch: farm launched, target 5
web-3    launch: farm launched, target 5
web-4    launch: farm launched, target 5
web-5    launch: farm launched, target 5
> launch web-2 in a (farm launched)
> launch web-3 in c (farm launched)
> launch web-4 in a (farm launched)
> launch web-5 in b (farm launched)
