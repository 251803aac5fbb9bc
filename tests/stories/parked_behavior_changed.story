# Sleepers of a farm role that no longer suspends are terminated.
farm shop
role web min 1 max 4
seen web-1 running age 4s
server web-2 suspended age 1h parked
seen web-2 suspended age 4s
plan
---
web-2    retire: it is not to be woken again
> retire web-2 (scaling down)
