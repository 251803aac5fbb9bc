# Two at a time, as the percentages allow; the next batch waits for both.
farm shop
role web min 4 max 8 above 150 batch 2
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
seen web-4 running age 4s
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
web-5    launch: revision 2 instead of web-1
web-6    launch: revision 2 instead of web-2
> launch web-5 (rollout)
> launch web-6 (rollout)

web-1    retire: revision 2 has taken its place
web      wait: rollout: 1 of 4 rolled over, 1 starting, 1 leaving
web-6    wait: launch under way for 0 ms
> retire web-1 (another revision takes its place) in 20 s

web-2    retire: revision 2 has taken its place
web      wait: rollout: 2 of 4 rolled over, 0 starting, 2 leaving
web-1    wait: waiting up to 20 s for the server to say it is idle: 20 s left
> retire web-2 (another revision takes its place) in 20 s
