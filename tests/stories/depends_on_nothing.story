# Whoever wants no servers is not waited for, nor one that is removed, and two that depend on one
# another wait for neither.
farm shop
role web min 1 max 1 depends db depends mail depends cache
role db min 0 max 4
role mail min 1 max 1 removed
role cache min 1 max 1 depends web
plan
---
web-1    launch: farm launched, target 1
cache-1  launch: farm launched, target 1
db       keep
mail     keep
> launch web-1 (farm launched)
> launch cache-1 (farm launched)
