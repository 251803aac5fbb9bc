# A server that no balancer reaches is replaced as one whose check fails. Where the balancers reach
# none at all, it is likely they: nothing is replaced, not even where there is one server alone.
farm shop
role db min 1 max 2
role web min 2 max 3
unreached db-1 for 6m
seen db-1 running age 1s
unreached web-1 for 6m
seen web-1 running age 1s
unreached web-2 for 2m
seen web-2 running age 1s
plan
passing web-2
plan
---
db-1     wait: no balancer reaches it for 6 m: balancers reach none of 1: likely they or the way there, none is replaced
web-1    wait: no balancer reaches it for 6 m: balancers reach none of 2: likely they or the way there, none is replaced
web-2    wait: no balancer reaches it for 2 m: balancers reach none of 2: likely they or the way there, none is replaced

db-1     wait: no balancer reaches it for 6 m: balancers reach none of 1: likely they or the way there, none is replaced
web-1    retire: no balancer reaches it for 6 m
web-3    launch: replaces web-1
> retire web-1 (unhealthy) in 20 s
> launch web-3 (replacement)
