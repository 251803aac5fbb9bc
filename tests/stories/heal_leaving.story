# Where the farm goes, nothing is healed.
farm shop sequential
role db min 1 max 1 heal restart
role web min 1 max 1 heal alert
seen db-1 stopped age 1s
seen web-1 running age 1s
farm shop terminated
plan
---
web-1    retire: the farm is terminated
db       wait: leaving in reverse: web goes first
db-1     retire: the platform says it stopped, seen 1 s before
> retire web-1 (farm terminated)
> retire db-1 (crashed)
