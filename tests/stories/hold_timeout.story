# What does not get ready in time is left alone while healing is held.
farm shop
role web min 1 max 2 timeout 5m
server web-1 pending age 6m
seen web-1 running age 4s
hold web heal for 10m debugging the image
plan
---
web-1    wait: heal is held, 10 m left: debugging the image
web-1    wait: getting ready for 6 m of 5 m
