# The answer to a launch is lost: it counts against max until a listing tells.
farm shop
role web min 2 max 2
seen web-1 running age 4s
server web-2 pending_launch age 30s
step web-2 launch unknown age 30s
ask web-1 terminate
plan
---
web-1    retire: a person asked for it
web      wait: 2 of 2 servers are not confirmed gone, 1 of them leaving
web-2    wait: the answer to launch is lost: listing
> retire web-1 (terminated by a person) in 20 s
