# A pet that stopped is started again from its own disk, at most three times, then people are asked.
farm shop
role db min 1 max 1 heal restart storage
role web min 1 max 1
seen db-1 stopped age 0s
seen web-1 running age 0s
later 2s
plan
begins db-1
later 5s
fails db-1
look
plan
later 10s
look
plan
later 5s
turns db-1 running
later 3m
seen db-1 stopped age 0s
look
plan
later 5s
turns db-1 running
later 4m
look
seen db-1 stopped age 0s
plan
---
db-1     start: the platform says it stopped, seen 2 s before
web      keep
> start db-1

db-1     wait: next try in 10 s after 1 failed in a row
db-1     wait: getting ready for 5 s of 5 m
web      keep

db-1     start: it could not be started again
web      keep
> start db-1

db-1     start: the platform says it stopped, seen 0 ms before
web      keep
> start db-1

db-1     wait: the platform says it stopped, seen 0 ms before: 3 restarts did not help; terminate it to have it replaced
web      keep
