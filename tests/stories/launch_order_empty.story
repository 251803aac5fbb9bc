# Nobody waits for a farm role that is to have no servers.
farm shop sequential
role batch min 0 max 4
role web min 1 max 1
plan
---
web-1    launch: farm launched, target 1
batch    keep
> launch web-1 (farm launched)
