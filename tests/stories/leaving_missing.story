# On the way down, one that is merely missing goes in its turn; one that is gone for good need not.
farm shop sequential
role db min 2 max 2
role web min 1 max 1 index 2
seen web-1 running age 1s
seen db-2 gone age 1s
missing db-1 for 40s listings 4
farm shop terminated
plan
gone web-1
plan
---
web-1    retire: the farm is terminated
db       wait: leaving in reverse: web goes first
db-2     retire: the platform says it is gone, seen 1 s before
> retire web-1 (farm terminated)
> retire db-2 (crashed)

db-1     retire: the farm is terminated
db-2     wait: terminate under way for 0 ms
web      keep
> retire db-1 (farm terminated)
