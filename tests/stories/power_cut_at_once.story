# Without an order, all at once.
farm shop
role web min 1 max 4
role db min 1 max 1
seen web-1 stopped age 2s
seen db-1 stopped age 2s
plan
---
shop     bring up: all of it was stopped 0 ms ago
web-1    start: all servers of the farm were stopped
db-1     start: all servers of the farm were stopped
> start web-1
> start db-1
