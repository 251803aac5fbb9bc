# Too many while one is rolled over, and the other is locked: who goes and who follows go together.
farm shop
role web min 2 max 4 disabled
seen web-1 running age 4s
seen web-2 running age 4s
ask web-1 lock
role web size large
plan
turns web-3 running
look
role web min 1 max 4
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-2
> launch web-3 (rollout)

web      target 2 -> 1: 1 to 4 are declared
web-2    retire: 1 more than the target of 1
web-3    retire: 1 more than the target of 1
web      wait: rollout: 1 locked or asleep keep their revision
> retire web-2 (scaling down) in 20 s
> retire web-3 (scaling down) in 20 s
