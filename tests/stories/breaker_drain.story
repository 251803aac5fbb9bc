# What has to wait anyway says so, and waits for its account only when its own time has come.
farm shop
role web min 1 max 4 drain 20s
seen web-1 running age 4s
seen web-2 running age 4s
breaker 6 failed 1m left
ask web-2 terminate
plan
later 1s
plan
later 20s
plan
---
web-2    retire: a person asked for it
> retire web-2 (terminated by a person) in 20 s

web-2    wait: waiting up to 20 s for the server to say it is idle: 19 s left

web-2    wait: cloud simulated is left alone for 39 s: 6 failed in a row
