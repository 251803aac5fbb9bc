# Without an agent the platform's word counts, nobody is silent, and a failing check is a reason.
farm shop
role db min 1 max 1 agentless heal restart
role web min 1 max 1 agentless
seen db-1 running age 1s
seen web-1 running age 1s
silent db-1 for 20m
silent web-1 for 20m
plan
failing db-1 for 6m
failing web-1 for 6m
plan
---
db       keep
web      keep

db-1     reboot: its check fails for 6 m
web-1    retire: its check fails for 6 m
web      wait: 1 of 1 servers are not confirmed gone, 1 of them leaving
> reboot db-1
> retire web-1 (unhealthy)
