# A sequential farm: lb waits until web runs.
farm shop sequential
role web min 2 max 4
role lb min 1 max 1
plan
later 5s
turns web-1 running
plan
---
web-1    launch: farm launched, target 2
web-2    launch: farm launched, target 2
lb       wait: launch order: web has nothing running
> launch web-1 (farm launched)
> launch web-2 (farm launched)

lb-1     launch: farm launched, target 1
web-2    wait: launch under way for 5 s
> launch lb-1 (farm launched)
