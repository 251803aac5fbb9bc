# What does not serve is nothing to depend on.
farm shop
role db min 1 max 2 heal alert
role web min 1 max 2 depends db
failing db-1 for 2m
seen db-1 running age 1s
plan
passing db-1
plan
---
db-1     wait: its check fails for 2 m: kept, people are told
web      wait: depends on db, which has nothing running

web-1    launch: farm launched, target 1
db       keep
> launch web-1 (farm launched)
