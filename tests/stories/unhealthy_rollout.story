# A new server that runs and whose check then fails is no ground for another batch; given up, it
# counts as a failure of the rollout.
farm shop
role web min 3 max 5 failures 1
seen web-1 running age 1s
seen web-2 running age 1s
role web size large
seen web-3 running age 1s
failing web-3 for 2m
plan
later 4m
look
plan
---
web-3    wait: its check fails for 2 m: replaced in 3 m
web      rollout from revision 1 to 2
web      wait: rollout: 0 of 3 rolled over, 1 starting, 0 leaving

web-3    retire: its check fails for 6 m
web      rollout to revision 2 failed: 1 new servers did not get ready; back to revision 1
web      wait: rollout: 2 of 3 rolled over, 1 starting, 0 leaving
web-4    launch: replaces web-3
> retire web-3 (unhealthy) in 20 s
> launch web-4 (replacement)
