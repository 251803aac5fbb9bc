# One platform has answered, another not yet: too early to tell a crash from a power cut.
farm shop
role web min 1 max 4
role db min 1 max 1
started 5s
seen web-1 stopped age 2s
unseen db-1
plan
later 2s
seen db-1 stopped age 0s
plan
---
web-1    wait: stopped, and 1 others not seen yet: a crash or a power cut?
db-1     wait: not seen since the start: unknown

shop     bring up: all of it was stopped 0 ms ago
web-1    start: all servers of the farm were stopped
db-1     start: all servers of the farm were stopped
> start web-1
> start db-1
