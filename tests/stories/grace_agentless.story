# Without an agent nobody is told and nobody speaks up: a person's own terminate drains.
farm shop
role web min 1 max 2 drain 1m agentless
seen web-1 running age 4s
seen web-2 running age 4s
ask web-2 terminate
plan
later 20s
look
plan
---
web-2    retire: a person asked for it
> retire web-2 (terminated by a person) in 1 m

web-2    wait: draining: 40 s left at most
