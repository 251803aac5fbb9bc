# A locked server keeps its revision, and so does one that sleeps.
farm shop
role web min 3 max 6
seen web-1 running age 4s
seen web-2 running age 4s
server web-3 suspended age 1h
seen web-3 suspended age 4s
ask web-3 sleep
ask web-1 lock
role web size large
plan
turns web-4 running
look
plan
gone web-2
plan
---
web-3    wait: a person put it to sleep
web      rollout from revision 1 to 2
web-4    launch: revision 2 instead of web-2
> launch web-4 (rollout)

web-3    wait: a person put it to sleep
web-2    retire: revision 2 has taken its place
web      wait: rollout: 1 of 3 rolled over, 0 starting, 1 leaving
> retire web-2 (another revision takes its place) in 20 s

web-3    wait: a person put it to sleep
web      wait: rollout: 2 locked or asleep keep their revision
