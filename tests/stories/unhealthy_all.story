# A check that fails on all servers at once replaces none: it is likely the check.
farm shop
role web min 2 max 3
failing web-1 for 20m
seen web-1 running age 1s
failing web-2 for 6m
seen web-2 running age 1s
plan
later 1h
look
plan
passing web-1
plan
---
web-1    wait: its check fails for 20 m: so it does on all 2: likely the check or what they depend on, none is replaced
web-2    wait: its check fails for 6 m: so it does on all 2: likely the check or what they depend on, none is replaced

web-1    wait: its check fails for 1 h 20 m: so it does on all 2: likely the check or what they depend on, none is replaced
web-2    wait: its check fails for 1 h 6 m: so it does on all 2: likely the check or what they depend on, none is replaced

web-2    retire: its check fails for 1 h 6 m
web-3    launch: replaces web-2
> retire web-2 (unhealthy) in 20 s
> launch web-3 (replacement)
