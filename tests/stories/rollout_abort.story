# Aborted: the new server that nobody needs yet goes, the old ones stay.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
turns web-3 pending
look
rollout web abort
plan
gone web-3
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web      rollout to revision 2 is aborted: back to 1
web-3    retire: not of revision 1, and the one before it is still there
web      wait: rollout: 2 of 2 rolled over, 0 starting, 1 leaving
web      rolled back to revision 1
> retire web-3 (another revision takes its place)

web      wait: rollout of revision 2 was aborted: resume it or declare another
