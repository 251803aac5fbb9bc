# Not ready in time, but not seen either: nothing is destroyed.
farm shop
role web min 1 max 2 timeout 5m
server web-1 pending age 6m
unseen web-1
plan
---
web-1    wait: not seen since the start: unknown
web-1    wait: getting ready for 6 m of 5 m
