# The maintenance page goes when enough new servers run, not when the last one does.
farm shop
role web min 4 max 8 full healthy 50 drain 10s
role lb min 1 max 1 balances web
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
seen web-4 running age 4s
seen lb-1 running age 4s
role web size large
plan
turns web-5 running
look
plan
turns web-6 running
look
plan
---
web      rollout from revision 1 to 2
web-1    retire: revision 2 takes its place
web-2    retire: revision 2 takes its place
web-3    retire: revision 2 takes its place
web-4    retire: revision 2 takes its place
web      wait: rollout: 0 of 4 rolled over, 4 starting, 4 leaving
web-5    launch: revision 2 instead of web-1
web-6    launch: revision 2 instead of web-2
web-7    launch: revision 2 instead of web-3
web-8    launch: revision 2 instead of web-4
lb       keep
> retire web-1 (another revision takes its place) in 10 s
> retire web-2 (another revision takes its place) in 10 s
> retire web-3 (another revision takes its place) in 10 s
> retire web-4 (another revision takes its place) in 10 s
> launch web-5 (rollout)
> launch web-6 (rollout)
> launch web-7 (rollout)
> launch web-8 (rollout)
web      behind its maintenance page

web      wait: rollout: 1 of 4 rolled over, 3 starting, 4 leaving
web-1    wait: waiting up to 10 s for the server to say it is idle: 10 s left
web-2    wait: waiting up to 10 s for the server to say it is idle: 10 s left
web-3    wait: waiting up to 10 s for the server to say it is idle: 10 s left
web-4    wait: waiting up to 10 s for the server to say it is idle: 10 s left
web-6    wait: launch under way for 0 ms
web-7    wait: launch under way for 0 ms
web-8    wait: launch under way for 0 ms
lb       keep
web      behind its maintenance page

web      wait: rollout: 2 of 4 rolled over, 2 starting, 4 leaving
web-1    wait: waiting up to 10 s for the server to say it is idle: 10 s left
web-2    wait: waiting up to 10 s for the server to say it is idle: 10 s left
web-3    wait: waiting up to 10 s for the server to say it is idle: 10 s left
web-4    wait: waiting up to 10 s for the server to say it is idle: 10 s left
web-7    wait: launch under way for 0 ms
web-8    wait: launch under way for 0 ms
lb       keep
