# It is started again in its turn: not before what it depends on.
farm shop
role web min 1 max 1 heal restart depends db
role db min 1 max 1 heal restart
role mail min 1 max 1
seen web-1 stopped age 0s
seen db-1 stopped age 0s
seen mail-1 running age 0s
plan
---
web-1    wait: depends on db, which has nothing running
db-1     start: the platform says it stopped, seen 0 ms before
mail     keep
> start db-1
