# Too many, but only one was seen lately: nobody is taken.
farm shop
role web min 1 max 2
seen web-1 running age 4s
unseen web-2
plan
role web max 1
plan
---
web-2    wait: not seen since the start: unknown
web      wait: 1 too many: nobody may be taken yet, 1 of 1 healthy

web-2    wait: not seen since the start: unknown
web      wait: 1 too many: nobody may be taken yet, 1 of 1 healthy
