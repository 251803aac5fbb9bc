# A launch from the plan to running.
farm shop
role web min 1 max 2
plan
later 2s
step web-1 launch begun age 1s
plan
later 3s
turns web-1 pending
later 1s
plan
turns web-1 initializing
later 2s
turns web-1 running
plan
---
web-1    launch: farm launched, target 1
> launch web-1 (farm launched)

web-1    wait: launch under way for 1 s

web-1    wait: getting ready for 1 s of 5 m

web      keep
