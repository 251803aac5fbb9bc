# Paused by a person: the batch under way ends, no other begins.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
rollout web pause
plan
turns web-3 running
look
plan
gone web-1
look
plan
rollout web go
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web      rollout to revision 2 is paused
web      wait: rollout paused by a person: 0 of 2 rolled over
web-3    wait: launch under way for 0 ms

web-1    retire: revision 2 has taken its place
web      wait: rollout paused by a person: 1 of 2 rolled over
> retire web-1 (another revision takes its place) in 20 s

web      wait: rollout paused by a person: 1 of 2 rolled over

web      rollout to revision 2 goes on
web-1    launch: revision 2 instead of web-2
> launch web-1 (rollout)
