# The platform has not answered for two minutes: nothing is concluded from what it said then.
farm shop
role web min 2 max 4
seen web-1 running age 2m
seen web-2 stopped age 2m
plan
---
web-1    wait: last seen 2 m ago: too old to act
web-2    wait: last seen 2 m ago: too old to act
