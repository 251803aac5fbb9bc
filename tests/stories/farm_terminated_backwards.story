# A sequential farm goes in reverse.
farm shop sequential
role db min 1 max 1
role web min 1 max 4
role lb min 1 max 1
seen db-1 running age 4s
seen web-1 running age 4s
seen lb-1 running age 4s
farm shop terminated
plan
gone lb-1
plan
gone web-1
plan
---
lb-1     retire: the farm is terminated
web      wait: leaving in reverse: lb goes first
db       wait: leaving in reverse: lb goes first
> retire lb-1 (farm terminated)

web-1    retire: the farm is terminated
db       wait: leaving in reverse: web goes first
lb       keep
> retire web-1 (farm terminated)

db-1     retire: the farm is terminated
web      keep
lb       keep
> retire db-1 (farm terminated)
