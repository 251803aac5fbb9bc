# All at once: every old server goes, the new ones come as soon as there is room.
farm shop
role web min 3 max 4 full drain 10s
role lb min 1 max 1 balances web
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
seen lb-1 running age 4s
role web size large
plan
later 10s
gone web-1
gone web-2
gone web-3
look
plan
turns web-4 running
turns web-1 running
look
plan
turns web-2 running
look
plan
---
web      rollout from revision 1 to 2
web-1    retire: revision 2 takes its place
web-2    retire: revision 2 takes its place
web-3    retire: revision 2 takes its place
web      wait: rollout: 0 of 3 rolled over, 3 starting, 3 leaving
web-4    launch: revision 2 instead of web-1
web      wait: 4 of 4 servers are not confirmed gone, 3 of them leaving
lb       keep
> retire web-1 (another revision takes its place) in 10 s
> retire web-2 (another revision takes its place) in 10 s
> retire web-3 (another revision takes its place) in 10 s
> launch web-4 (rollout)
web      behind its maintenance page

web      wait: rollout: 0 of 3 rolled over, 3 starting, 0 leaving
web-1    launch: revision 2 instead of web-2
web-2    launch: revision 2 instead of web-3
web-4    wait: launch under way for 10 s
lb       keep
> launch web-1 (rollout)
> launch web-2 (rollout)
web      behind its maintenance page

web      wait: rollout: 2 of 3 rolled over, 1 starting, 0 leaving
web-2    wait: launch under way for 0 ms
lb       keep

web      rollout to revision 2 is done
lb       keep
