# Started three times already: replaced instead.
farm shop
role web min 1 max 4
server web-1 running age 2m restarts 3
seen web-1 stopped age 2s
plan
---
web-1    retire: the platform says it stopped, seen 2 s before
web-2    launch: replaces web-1
> retire web-1 (crashed)
> launch web-2 (replacement)
