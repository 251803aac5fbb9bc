# A locked server that stopped is started again, not replaced; one that is missing stays.
farm shop
role web min 2 max 4
seen web-1 stopped age 1s
missing web-2 for 40s listings 4
ask web-1 lock
ask web-2 lock
role db min 1 max 1
seen db-1 running age 1s
plan
---
web-1    start: the platform says it stopped, seen 1 s before
web-2    wait: missing for 40 s, in 4 listings: a restart cannot help; terminate it to have it replaced
db       keep
> start web-1
