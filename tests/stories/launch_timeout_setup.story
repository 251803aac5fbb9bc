# What setup of its role may take comes on top of the time to get ready.
farm shop
role web min 1 max 2 timeout 5m setup 10m
server web-1 initializing age 14m
seen web-1 running age 3s
plan
later 2m
seen web-1 running age 3s
plan
---
web-1    wait: getting ready for 14 m of 15 m

web-1    retire: not ready after 16 m
web      wait: next try in 10 s after 1 failed in a row
> retire web-1 (not ready in time)
