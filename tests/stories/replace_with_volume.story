# A replacement takes over the volume, so it has the same index and waits for it.
farm shop
role db min 3 max 5 storage
seen db-1 running age 4s
seen db-2 gone age 4s
seen db-3 running age 4s
plan
later 3s
gone db-2
plan
---
db-2     retire: the platform says it is gone, seen 4 s before
db       wait: volume 2 is held by a leaving server
> retire db-2 (crashed)

db-2     launch: replaces db-2
> launch db-2 (replacement)
