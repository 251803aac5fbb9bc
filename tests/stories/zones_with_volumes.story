# A volume cannot leave its zone: an index always has the same.
farm shop
role db min 3 max 3 zone a zone b storage
server db-2 running age 1h zone b
seen db-2 running age 4s
plan
---
db-1     launch: farm launched, target 3
db-3     launch: farm launched, target 3
> launch db-1 in a (farm launched)
> launch db-3 in a (farm launched)
