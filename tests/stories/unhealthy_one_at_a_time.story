# Few at a time: of four, one, and the next when the first is replaced.
farm shop
role web min 4 max 6
failing web-1 for 6m
seen web-1 running age 1s
failing web-2 for 6m
seen web-2 running age 1s
passing web-3
seen web-3 running age 1s
passing web-4
seen web-4 running age 1s
plan
---
web-1    retire: its check fails for 6 m
web-2    wait: its check fails for 6 m: 1 starting or leaving, 1 may be at once
web-5    launch: replaces web-1
> retire web-1 (unhealthy) in 20 s
> launch web-5 (replacement)
