# A sleeper counts against max: when max falls below what there is, it goes first.
farm shop
role web min 1 max 2 parks
seen web-1 running age 4s
server web-2 suspended age 1h parked
server web-3 suspended age 1h parked
seen web-2 suspended age 4s
seen web-3 suspended age 4s
plan
---
web-3    retire: more than the maximum
> retire web-3 (scaling down)
