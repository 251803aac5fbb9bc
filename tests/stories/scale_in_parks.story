# With suspend-resume, scaling in puts to sleep, and scaling out wakes before it launches.
farm shop
role web min 3 max 4 cpu 60 20 parks up 10s down 10s drain 30s
role lb min 1 max 1 balances web
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
seen lb-1 running age 4s
reading web cpu 50
plan
role web min 1
reading web cpu 5
later 1m
look
plan
turns web-3 suspended
seen web-3 suspended age 0s
later 2m
look
reading web cpu 90
plan
---
web      keep
lb       keep

web      target 3 -> 2: CpuPercent 5.0 < 20 (over 1 m of 3 of 3 servers, newest 1 m old)
web-3    suspend: 1 more than the target of 2
lb       keep
> park web-3 in 30 s

web      target 2 -> 3: CpuPercent 90.0 > 60 (over 1 m of 2 of 2 servers, newest 0 ms old)
web-3    resume: scaling up
lb       keep
> resume web-3
