# In any farm, a farm role without a running server waits for those it depends on.
farm shop
role web min 2 max 4 depends db
role db min 1 max 1
role mail min 1 max 1
plan
later 5s
turns db-1 running
plan
# Once it has something running, what becomes of the other is no reason to wait.
later 5s
turns web-1 running
turns mail-1 running
turns web-2 running
seen db-1 stopped age 0s
ask web-2 terminate
later 2s
plan
---
web      wait: depends on db, which has nothing running
db-1     launch: farm launched, target 1
mail-1   launch: farm launched, target 1
> launch db-1 (farm launched)
> launch mail-1 (farm launched)

web-1    launch: farm launched, target 2
web-2    launch: farm launched, target 2
mail-1   wait: launch under way for 5 s
db       keep
> launch web-1 (farm launched)
> launch web-2 (farm launched)

web-2    retire: a person asked for it
db-1     retire: the platform says it stopped, seen 2 s before
web-3    launch: replaces web-2
db       wait: 1 of 1 servers are not confirmed gone, 1 of them leaving
mail     keep
> retire web-2 (terminated by a person) in 20 s
> retire db-1 (crashed)
> launch web-3 (replacement)
