# A pet whose agent is silent for long is rebooted; one whose check fails for long, too.
farm shop
role db min 1 max 1 heal restart
role mail min 1 max 1 heal restart
role web min 2 max 2
seen db-1 running age 4s
seen mail-1 running age 4s
seen web-1 running age 4s
seen web-2 running age 4s
silent db-1 for 4m
silent web-1 for 20m
failing mail-1 for 6m
failing web-2 for 20m
plan
later 2m
look
turns mail-1 running
plan
---
db-1     wait: agent silent for 4 m, but the platform says it runs
mail-1   reboot: its check fails for 6 m
web-1    wait: agent silent for 20 m, but the platform says it runs
web-2    wait: its check fails for 20 m: no other is known to be healthy, it is not replaced
> reboot mail-1

db-1     wait: agent silent for 6 m, but the platform says it runs
db-1     reboot: its agent is silent for 6 m
web-1    wait: agent silent for 22 m, but the platform says it runs
web-2    wait: its check fails for 22 m: no other is known to be healthy, it is not replaced
mail     keep
> reboot db-1
