# A farm role of one has no other that could tell: it is replaced. While another one is not known
# to be well, it may be all, and none is replaced.
farm shop
role db min 1 max 2
role web min 2 max 3
failing db-1 for 6m
seen db-1 running age 1s
failing web-1 for 6m
seen web-1 running age 1s
unsaid web-2
seen web-2 running age 1s
plan
passing web-2
plan
---
db-1     retire: its check fails for 6 m
web-1    wait: its check fails for 6 m: no other is known to be healthy, it is not replaced
db-2     launch: replaces db-1
> retire db-1 (unhealthy) in 20 s
> launch db-2 (replacement)

web-1    retire: its check fails for 6 m
web-3    launch: replaces web-1
db-1     wait: waiting up to 20 s for the server to say it is idle: 20 s left
db-2     wait: launch under way for 0 ms
> retire web-1 (unhealthy) in 20 s
> launch web-3 (replacement)
