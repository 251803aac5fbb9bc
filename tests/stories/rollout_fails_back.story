# One was rolled over already: it goes back, behind the same gate.
farm shop
role web min 2 max 2 failures 1
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
gone web-1
plan
turns web-1 running
plan
gone web-2
plan
fails web-2
look
plan
later 10s
look
plan
turns web-2 running
look
plan
gone web-1
plan
turns web-1 running
plan
rollout web go
plan
---
web      rollout from revision 1 to 2
web-1    retire: revision 2 takes its place
web      wait: 2 of 2 servers are not confirmed gone, 1 of them leaving
> retire web-1 (another revision takes its place) in 20 s

web      wait: rollout: 0 of 2 rolled over, 1 starting, 0 leaving
web-1    launch: revision 2 instead of web-1
> launch web-1 (rollout)

web-2    retire: revision 2 takes its place
web      wait: 2 of 2 servers are not confirmed gone, 1 of them leaving
> retire web-2 (another revision takes its place) in 20 s

web      wait: rollout: 1 of 2 rolled over, 1 starting, 0 leaving
web-2    launch: revision 2 instead of web-2
> launch web-2 (rollout)

web      rollout to revision 2 failed: 1 new servers did not get ready; back to revision 1
web      wait: rollout: 0 of 2 rolled over, 1 starting, 0 leaving
web      wait: next try in 10 s after 1 failed in a row

web      wait: rollout: 0 of 2 rolled over, 1 starting, 0 leaving
web-2    launch: farm launched, target 2
> launch web-2 (farm launched)

web-1    retire: revision 1 takes its place
web      wait: 2 of 2 servers are not confirmed gone, 1 of them leaving
> retire web-1 (another revision takes its place) in 20 s

web      wait: rollout: 1 of 2 rolled over, 1 starting, 0 leaving
web-1    launch: revision 1 instead of web-1
> launch web-1 (rollout)

web      rolled back to revision 1

web      rollout to revision 2 is tried again
web-1    retire: revision 2 takes its place
web      wait: 2 of 2 servers are not confirmed gone, 1 of them leaving
> retire web-1 (another revision takes its place) in 20 s
