# Enough steps began lately: those that are planned wait for the next.
farm shop
role web min 2 max 4
plan
paced 600 to the next 3s
later 1s
plan
answers
begins web-1
plan
---
web-1    launch: farm launched, target 2
web-2    launch: farm launched, target 2
> launch web-1 (farm launched)
> launch web-2 (farm launched)

web-1    wait: cloud simulated is asked 600 times a minute: 3 s to the next
web-2    wait: cloud simulated is asked 600 times a minute: 3 s to the next

web-1    wait: launch under way for 0 ms
web-2    wait: launch under way for 1 s
