# After failed launches another make is tried at once: it may be the mending.
farm shop
role web min 1 max 2 timeout 5m
server web-1 initializing age 6m
seen web-1 running age 3s
plan
gone web-1
later 1s
plan
role web size large
plan
---
web-1    retire: not ready after 6 m
web      wait: next try in 10 s after 1 failed in a row
> retire web-1 (not ready in time)

web      wait: next try in 9 s after 1 failed in a row

web-1    launch: replaces web-1
> launch web-1 (replacement)
