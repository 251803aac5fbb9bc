# No load: one fewer, the highest index, drained because a balancer sends it work.
farm shop
role web min 2 max 4 cpu 60 20 drain 30s
role lb min 1 max 1 balances web
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
seen web-4 running age 4s
seen lb-1 running age 4s
reading web cpu 50
# The farm ran with four: the target is there from before.
role web min 4
plan
role web min 2
reading web cpu 8
plan
later 10s
look
plan
later 2m
gone web-4
look
plan
gone web-3
later 3m
look
plan
---
web      keep
lb       keep

web      target 4 -> 3: CpuPercent 8.0 < 20 (over 1 m of 4 of 4 servers, newest 0 ms old)
web-4    retire: 1 more than the target of 3
lb       keep
> retire web-4 (scaling down) in 30 s

web      wait: cool-down: 1 m 50 s left
web-4    wait: waiting up to 30 s for the server to say it is idle: 20 s left
lb       keep

web      target 3 -> 2: CpuPercent 8.0 < 20 (over 1 m of 4 of 4 servers, newest 2 m 10 s old)
web-3    retire: 1 more than the target of 2
lb       keep
> retire web-3 (scaling down) in 30 s

web      wait: at the minimum of 2
lb       keep
