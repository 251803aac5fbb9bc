# A third revision while the second is rolled out: it turns there, and what is of neither goes first.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
turns web-3 pending
look
role web size huge
plan
gone web-3
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web      rollout turns from revision 2 to 3
web-3    retire: not of revision 3, and the one before it is still there
web      wait: rollout: 0 of 2 rolled over, 0 starting, 1 leaving
> retire web-3 (another revision takes its place)

web-3    launch: revision 3 instead of web-1
> launch web-3 (rollout)
