# A volume belongs to an index: the old server goes first, the new one has its index.
farm shop
role db min 2 max 4 storage
seen db-1 running age 4s
seen db-2 running age 4s
role db size large
plan
later 5s
gone db-1
look
plan
turns db-1 running
look
plan
---
db       rollout from revision 1 to 2
db-1     retire: revision 2 takes its place
db       wait: volume 1 is held by a leaving server
> retire db-1 (another revision takes its place) in 20 s

db       wait: rollout: 0 of 2 rolled over, 1 starting, 0 leaving
db-1     launch: revision 2 instead of db-1
> launch db-1 (rollout)

db-2     retire: revision 2 takes its place
db       wait: volume 2 is held by a leaving server
> retire db-2 (another revision takes its place) in 20 s
