# One that slept through a rollout is woken, and then there is a rollout for it.
farm shop
role web min 1 max 3 parks
seen web-1 running age 4s
server web-2 suspended age 1h parked
seen web-2 suspended age 4s
role web size large
plan
turns web-3 running
look
plan
gone web-1
plan
role web min 2 max 3 parks
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web-1    retire: revision 2 has taken its place
web      wait: rollout: 1 of 1 rolled over, 0 starting, 1 leaving
web      rollout to revision 2 is done
> retire web-1 (another revision takes its place) in 20 s

web      keep

web      target 1 -> 2: 2 to 3 are declared
web-2    resume: scaling up
web      rollout from revision 1 to 2
> resume web-2
