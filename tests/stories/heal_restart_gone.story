# A restart cannot bring back what is gone for good, or missing: a person decides, and it is replaced.
farm shop
role db min 1 max 1 heal restart storage
role mail min 1 max 1 heal restart
seen db-1 gone age 0s
missing mail-1 for 40s listings 4
role web min 2 max 2
seen web-1 running age 0s
seen web-2 running age 0s
plan
ask db-1 terminate
plan
gone db-1
plan
---
db-1     wait: the platform says it is gone, seen 0 ms before: a restart cannot help; terminate it to have it replaced
mail-1   wait: missing for 40 s, in 4 listings: a restart cannot help; terminate it to have it replaced
web      keep

db-1     retire: a person asked for it
mail-1   wait: missing for 40 s, in 4 listings: a restart cannot help; terminate it to have it replaced
db       wait: volume 1 is held by a leaving server
web      keep
> retire db-1 (terminated by a person)

mail-1   wait: missing for 40 s, in 4 listings: a restart cannot help; terminate it to have it replaced
db-1     launch: replaces db-1
web      keep
> launch db-1 (replacement)
