# Another size: one more is launched first, then the old one goes; never fewer than before.
farm shop
role web min 3 max 6 drain 20s
role lb min 1 max 1 balances web
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
seen lb-1 running age 4s
role web size large
plan
turns web-4 running
look
plan
later 30s
gone web-1
look
plan
turns web-1 running
look
plan
later 30s
gone web-2
look
plan
turns web-2 running
look
plan
later 30s
gone web-3
look
plan
---
web      rollout from revision 1 to 2
web-4    launch: revision 2 instead of web-1
lb       keep
> launch web-4 (rollout)

web-1    retire: revision 2 has taken its place
web      wait: rollout: 1 of 3 rolled over, 0 starting, 1 leaving
lb       keep
> retire web-1 (another revision takes its place) in 20 s

web-1    launch: revision 2 instead of web-2
lb       keep
> launch web-1 (rollout)

web-2    retire: revision 2 has taken its place
web      wait: rollout: 2 of 3 rolled over, 0 starting, 1 leaving
lb       keep
> retire web-2 (another revision takes its place) in 20 s

web-2    launch: revision 2 instead of web-3
lb       keep
> launch web-2 (rollout)

web-3    retire: revision 2 has taken its place
web      wait: rollout: 3 of 3 rolled over, 0 starting, 1 leaving
web      rollout to revision 2 is done
lb       keep
> retire web-3 (another revision takes its place) in 20 s

web      keep
lb       keep
