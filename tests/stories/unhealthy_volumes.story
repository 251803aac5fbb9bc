# Volumes are not given to another server for a failing check, unless the farm role says so.
farm shop
role db min 2 max 3 storage
role kv min 2 max 3 storage with-volumes
failing db-1 for 6m
seen db-1 running age 1s
passing db-2
seen db-2 running age 1s
failing kv-1 for 6m
seen kv-1 running age 1s
passing kv-2
seen kv-2 running age 1s
plan
---
db-1     wait: its check fails for 6 m: it has volumes, and replaceWithVolumes is off: terminate it to have it replaced
kv-1     retire: its check fails for 6 m
kv       wait: volume 1 is held by a leaving server
> retire kv-1 (unhealthy) in 20 s
