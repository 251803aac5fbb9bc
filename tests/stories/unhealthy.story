# One whose check fails is told of at once, and replaced after the time its farm role gives it.
farm shop
role web min 2 max 3 unhealthy 5m
seen web-1 running age 1s
seen web-2 running age 1s
failing web-2 for 2m
plan
later 3m
look
plan
gone web-2
plan
---
web-2    wait: its check fails for 2 m: replaced in 3 m

web-2    retire: its check fails for 5 m
web-3    launch: replaces web-2
> retire web-2 (unhealthy) in 20 s
> launch web-3 (replacement)

web-3    wait: launch under way for 0 ms
