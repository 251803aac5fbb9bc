# A server that never gets ready is retired, and counts as a failed launch.
farm shop
role web min 1 max 2 timeout 5m
server web-1 initializing age 6m
seen web-1 running age 3s
plan
gone web-1
later 10s
plan
---
web-1    retire: not ready after 6 m
web      wait: next try in 10 s after 1 failed in a row
> retire web-1 (not ready in time)

web-1    launch: replaces web-1
> launch web-1 (replacement)
