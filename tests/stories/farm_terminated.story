# Terminated: everything goes, what was only planned is cancelled.
farm shop
role web min 2 max 4
role lb min 1 max 1 balances web
seen web-1 running age 4s
unseen lb-1
plan
farm shop terminated
plan
gone web-1
gone lb-1
plan
---
lb-1     wait: not seen since the start: unknown
web-2    launch: farm launched, target 2
> launch web-2 (farm launched)

web-2    retire: the farm is terminated; the cloud never heard of it
lb-1     retire: the farm is terminated
web-1    retire: the farm is terminated
> cancel web-2
> retire lb-1 (farm terminated)
> retire web-1 (farm terminated)

web      keep
lb       keep
