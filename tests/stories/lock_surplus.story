# Too many: those that are locked stay, another one goes; then nobody is left to go.
farm shop
role web min 1 max 4 disabled
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
ask web-1 lock
ask web-3 lock
plan
gone web-2
plan
ask web-3 unlock
plan
---
web      wait: too many, but 2 are locked
web-2    retire: 2 more than the target of 1
> retire web-2 (scaling down) in 20 s

web      wait: too many, but 2 are locked

web-3    retire: 1 more than the target of 1
> retire web-3 (scaling down) in 20 s
