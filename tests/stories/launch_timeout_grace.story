# The appliance was away itself: the time starts over.
farm shop
role web min 1 max 2 timeout 5m
started 20s
server web-1 initializing age 6m
seen web-1 running age 3s
plan
---
web-1    wait: getting ready for 6 m of 10 m 40 s
