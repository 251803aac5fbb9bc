# Healthy, but not for long enough; the launch timeout goes on meanwhile.
farm shop
role web min 2 max 2 ready 30s timeout 5m
server web-1 initializing age 1m healthy 10s
seen web-1 running age 1s
server web-2 initializing age 299s healthy 5s
seen web-2 running age 1s
plan
later 2s
look
plan
---
web-1    wait: healthy, for 20 s more
web-2    wait: healthy, for 25 s more

web-2    retire: not ready after 5 m 1 s
web      wait: next try in 10 s after 1 failed in a row
web-1    wait: healthy, for 18 s more
> retire web-2 (not ready in time)
