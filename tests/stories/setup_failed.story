# A server whose setup fails is replaced at once, and counts as a failed launch.
farm shop
role web min 1 max 2 timeout 5m
server web-1 initializing age 1m
seen web-1 running age 3s
plan
unset web-1 setup 2 of 3, apt-get install, exited with 100
plan
gone web-1
later 10s
plan
---
web-1    wait: getting ready for 1 m of 5 m

web-1    retire: it cannot do its work: setup 2 of 3, apt-get install, exited with 100
web      wait: next try in 10 s after 1 failed in a row
> retire web-1 (its setup failed)

web-1    launch: replaces web-1
> launch web-1 (replacement)
