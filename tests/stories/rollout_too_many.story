# Too many, and those that are may not go yet: no other is launched beside them.
farm shop
role web min 2 max 4 disabled
seen web-1 running age 4s
server web-2 pending age 10s
server web-3 pending age 10s
unseen web-2
unseen web-3
plan
role web min 1 size large
plan
---
web-2    wait: not seen since the start: unknown
web-3    wait: not seen since the start: unknown
web      wait: 1 too many: nobody may be taken yet, 1 of 2 healthy
web-2    wait: getting ready for 10 s of 5 m
web-3    wait: getting ready for 10 s of 5 m

web      target 2 -> 1: 1 to 4 are declared
web-2    wait: not seen since the start: unknown
web-3    wait: not seen since the start: unknown
web      wait: 2 too many: nobody may be taken yet, 1 of 1 healthy
web      rollout from revision 1 to 2
web      wait: rollout: 0 of 1 rolled over, 0 starting, 2 leaving
web-2    wait: getting ready for 10 s of 5 m
web-3    wait: getting ready for 10 s of 5 m
