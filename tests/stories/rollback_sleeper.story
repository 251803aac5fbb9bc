# Rolled back while one of the failed revision slept: when it is woken, the way back goes on for it.
farm shop
role web min 1 max 3 parks failures 1
server web-1 running age 1h
seen web-1 running age 4s
role web size large
server web-2 suspended age 1h parked revision 2
seen web-2 suspended age 4s
plan
fails web-3
plan
role web min 2
later 1m
look
plan
done web-2
turns web-2 running
look
plan
---
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web      rollout to revision 2 failed: 1 new servers did not get ready; back to revision 1
web      rolled back to revision 1

web      target 1 -> 2: 2 to 3 are declared
web      wait: rollout of revision 2 failed, 1 did not get ready: resume it or declare another
web-2    resume: scaling up
> resume web-2

web-3    launch: revision 1 instead of web-2
> launch web-3 (rollout)
