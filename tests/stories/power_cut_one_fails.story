# One does not come back: replaced.
farm shop
role web min 2 max 4
seen web-1 stopped age 2s
seen web-2 stopped age 2s
plan
later 2s
turns web-1 running
fails web-2
look
plan
---
shop     bring up: all of it was stopped 0 ms ago
web-1    start: all servers of the farm were stopped
web-2    start: all servers of the farm were stopped
> start web-1
> start web-2

web-2    retire: it could not be started again
web-3    launch: replaces web-2
> retire web-2 (crashed)
> launch web-3 (replacement)
