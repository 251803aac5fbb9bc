# The platform says that a server stopped: retired at once, replaced in the same plan.
farm shop
role web min 3 max 6
seen web-1 running age 4s
seen web-2 stopped age 4s
seen web-3 running age 4s
plan
---
web-2    retire: the platform says it stopped, seen 4 s before
web-4    launch: replaces web-2
> retire web-2 (crashed)
> launch web-4 (replacement)
