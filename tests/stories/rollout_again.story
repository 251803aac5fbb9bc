# What was declared before is declared again: its number comes back, and only the new ones go.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
turns web-3 running
look
plan
gone web-1
look
role web size small
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web-1    retire: revision 2 has taken its place
web      wait: rollout: 1 of 2 rolled over, 0 starting, 1 leaving
> retire web-1 (another revision takes its place) in 20 s

web      rollout turns from revision 2 to 1
web-1    launch: revision 1 instead of web-3
> launch web-1 (rollout)
