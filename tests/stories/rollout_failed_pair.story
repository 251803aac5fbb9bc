# A rollout that failed leaves no pairs: whoever is beyond the target goes.
farm shop
role web min 2 max 4 failures 1 stay above 200 batch 2
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
turns web-3 running
fails web-4
later 40s
look
plan
plan
later 4s
look
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
web-4    launch: revision 2 instead of web-2
> launch web-3 (rollout)
> launch web-4 (rollout)

web      rollout to revision 2 failed: 1 new servers did not get ready
web      wait: rollout of revision 2 failed, 1 did not get ready: resume it or declare another

web      wait: rollout of revision 2 failed, 1 did not get ready: resume it or declare another

web-3    retire: 1 more than the target of 2
web      wait: rollout of revision 2 failed, 1 did not get ready: resume it or declare another
> retire web-3 (scaling down) in 20 s
