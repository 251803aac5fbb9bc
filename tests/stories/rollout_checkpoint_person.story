# A checkpoint without a time waits for a person.
farm shop
role web min 2 max 4 checkpoint 50
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
turns web-3 running
look
plan
gone web-1
later 4h
look
plan
rollout web go
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web      rollout to revision 2 is at a checkpoint: 1 of 2 servers
web-1    retire: revision 2 has taken its place
web      wait: rollout checkpoint at 50 %: resume it to go on
> retire web-1 (another revision takes its place) in 20 s

web      wait: rollout checkpoint at 50 %: resume it to go on

web      rollout to revision 2 goes on past its checkpoint
web-1    launch: revision 2 instead of web-2
> launch web-1 (rollout)
