# A sleeper that is seen coming up says that the power was not cut: what stopped has crashed.
farm shop
role web min 3 max 4
seen web-1 stopped age 4s
server web-2 suspended age 1h
seen web-2 pending age 4s
unseen web-3
started 10s
plan
---
web-1    retire: the platform says it stopped, seen 4 s before
web-3    wait: not seen since the start: unknown
web-2    resume: it is to be awake
web-4    launch: replaces web-1
> retire web-1 (crashed)
> resume web-2
> launch web-4 (replacement)
