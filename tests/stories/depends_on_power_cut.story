# After a power cut, servers are started again in the order of their dependencies.
farm shop
role web min 1 max 1 depends db
role db min 1 max 1
seen web-1 stopped age 2s
seen db-1 stopped age 2s
plan
later 2s
turns db-1 running
plan
---
shop     bring up: all of it was stopped 0 ms ago
web-1    wait: depends on db, which has nothing running
db-1     start: all servers of the farm were stopped
> start db-1

shop     bring up: all of it was stopped 2 s ago
web-1    start: all servers of the farm were stopped
db       keep
> start web-1
