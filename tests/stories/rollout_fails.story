# Two new servers do not get ready: straight back to the revision before.
farm shop
role web min 2 max 4 timeout 1m
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
fails web-3
look
plan
later 10s
look
plan
turns web-3 pending
look
plan
later 2m
look
plan
gone web-3
plan
role web size small
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web      wait: next try in 10 s after 1 failed in a row

web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web      wait: rollout: 0 of 2 rolled over, 1 starting, 0 leaving
web-3    wait: getting ready for 0 ms of 1 m

web-3    retire: not ready after 2 m
web      rollout to revision 2 failed: 2 new servers did not get ready; back to revision 1
web      rolled back to revision 1
> retire web-3 (not ready in time)

web      wait: rollout of revision 2 failed, 2 did not get ready: resume it or declare another

web      rollout turns from revision 2 to 1
web      rollout to revision 1 is done
