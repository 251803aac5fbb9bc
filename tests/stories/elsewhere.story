# Another appliance has the lease of the cloud account: nothing begins in it, and why is said.
farm shop
role web min 2 max 4
seen web-1 running age 4s
plan
elsewhere
later 1s
plan
elsewhere by attic:/srv/grange
later 1s
plan
begins web-2
plan
---
web-2    launch: farm launched, target 2
> launch web-2 (farm launched)

web-2    wait: cloud simulated: whether its lease is ours is not known yet

web-2    wait: cloud simulated is managed by attic:/srv/grange

web-2    wait: launch under way for 0 ms
