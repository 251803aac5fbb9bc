# On the way down it is the other way round: whoever depends goes first.
farm shop
role db min 1 max 1
role web min 2 max 4 depends db
role mail min 1 max 1
seen db-1 running age 4s
seen web-1 running age 4s
server web-2 pending_launch age 1s
step web-2 launch planned in 0s
seen mail-1 running age 4s
farm shop terminated
plan
gone web-1
plan
---
web-2    retire: the farm is terminated; the cloud never heard of it
mail-1   retire: the farm is terminated
web-1    retire: the farm is terminated
db       wait: leaving in reverse: web goes first
> cancel web-2
> retire mail-1 (farm terminated)
> retire web-1 (farm terminated)

db-1     retire: the farm is terminated
mail-1   wait: terminate under way for 0 ms
web      keep
> retire db-1 (farm terminated)
