# One at a time in a farm role.
farm shop
role db min 2 max 2 heal restart
seen db-1 running age 4s
seen db-2 running age 4s
silent db-1 for 6m
silent db-2 for 6m
plan
---
db-1     wait: agent silent for 6 m, but the platform says it runs
db-1     reboot: its agent is silent for 6 m
db-2     wait: agent silent for 6 m, but the platform says it runs
db-2     wait: 1 starting: they will share the load
> reboot db-1
