# While no agent at all is connected, it is probably we who are cut off.
farm shop
role db min 1 max 1 heal restart
seen db-1 running age 4s
silent db-1 for 6m
nobody
plan
---
db-1     wait: agent silent for 6 m, but the platform says it runs
