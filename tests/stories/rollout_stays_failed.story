# Without rollback it stays as it is; what is missing is launched as before.
farm shop
role web min 2 max 2 failures 1 stay
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
gone web-1
plan
fails web-1
look
plan
later 10s
look
plan
---
web      rollout from revision 1 to 2
web-1    retire: revision 2 takes its place
web      wait: 2 of 2 servers are not confirmed gone, 1 of them leaving
> retire web-1 (another revision takes its place) in 20 s

web      wait: rollout: 0 of 2 rolled over, 1 starting, 0 leaving
web-1    launch: revision 2 instead of web-1
> launch web-1 (rollout)

web      rollout to revision 2 failed: 1 new servers did not get ready
web      wait: rollout of revision 2 failed, 1 did not get ready: resume it or declare another
web      wait: next try in 10 s after 1 failed in a row

web      wait: rollout of revision 2 failed, 1 did not get ready: resume it or declare another
web-1    launch: farm launched, target 2
> launch web-1 (farm launched)
