# After a quarter it waits ten minutes, after a half until a person says more.
farm shop
role web min 4 max 8 above 200 batch 4 checkpoint 25 checkpoint 50 pausing 10m
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
seen web-4 running age 4s
role web size large
plan
turns web-5 running
look
plan
gone web-1
later 4m
look
plan
later 6m
look
plan
turns web-1 running
look
plan
gone web-2
plan
rollout web go
plan
---
web      rollout from revision 1 to 2
web-5    launch: revision 2 instead of web-1
> launch web-5 (rollout)

web      rollout to revision 2 is at a checkpoint: 1 of 4 servers
web-1    retire: revision 2 has taken its place
web      wait: rollout checkpoint at 25 %: 10 m left, or resume it
> retire web-1 (another revision takes its place) in 20 s

web      wait: rollout checkpoint at 25 %: 6 m left, or resume it

web      rollout to revision 2 goes on after its checkpoint
web-1    launch: revision 2 instead of web-2
> launch web-1 (rollout)

web      rollout to revision 2 is at a checkpoint: 2 of 4 servers
web-2    retire: revision 2 has taken its place
web      wait: rollout checkpoint at 50 %: 10 m left, or resume it
> retire web-2 (another revision takes its place) in 20 s

web      wait: rollout checkpoint at 50 %: 10 m left, or resume it

web      rollout to revision 2 goes on past its checkpoint
web-2    launch: revision 2 instead of web-3
web-6    launch: revision 2 instead of web-4
> launch web-2 (rollout)
> launch web-6 (rollout)
