# What the cloud never heard of is gone with the plan, and the next batch does not wait for it.
farm shop
role web min 1 max 3 healthy 0
seen web-1 running age 4s
role web size large
plan
role web size huge
plan
---
web      rollout from revision 1 to 2
web-2    launch: revision 2 instead of web-1
> launch web-2 (rollout)

web      rollout turns from revision 2 to 3
web-2    retire: not of revision 3, and the one before it is still there; the cloud never heard of it
web-2    launch: revision 3 instead of web-1
> cancel web-2
> launch web-2 (rollout)
