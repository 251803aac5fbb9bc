# Held, frozen, or the cloud account fails: no batch begins.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
hold web rollout it is Friday
plan
release web rollout
missing web-2 for 5s listings 1
plan
seen web-2 running age 1s
breaker 9 failed 30s left
plan
later 40s
look
plan
---
web      rollout from revision 1 to 2
web      wait: rollout is held until it is released: it is Friday

web-2    wait: missing for 5 s, 30 s needed
web      wait: rollout: 1 servers of the farm are missing

web      wait: rollout: simulated fails, left alone for 30 s

web-2    wait: agent silent for 45 s, but the platform says it runs
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)
