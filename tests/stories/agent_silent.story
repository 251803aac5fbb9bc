# A silent agent of a server that runs: said, not acted on.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
silent web-2 for 3m
plan
---
web-2    wait: agent silent for 3 m, but the platform says it runs
