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
