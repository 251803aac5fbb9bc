# The maximum leaves no room for an extra server: one goes first, and two of three stay.
farm shop
role web min 3 max 3 healthy 60
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
role web size large
plan
later 5s
gone web-1
look
plan
turns web-1 running
look
plan
---
web      rollout from revision 1 to 2
web-1    retire: revision 2 takes its place
web      wait: 3 of 3 servers are not confirmed gone, 1 of them leaving
> retire web-1 (another revision takes its place) in 20 s

web      wait: rollout: 0 of 3 rolled over, 1 starting, 0 leaving
web-1    launch: revision 2 instead of web-1
> launch web-1 (rollout)

web-2    retire: revision 2 takes its place
web      wait: 3 of 3 servers are not confirmed gone, 1 of them leaving
> retire web-2 (another revision takes its place) in 20 s
