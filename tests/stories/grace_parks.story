# Put to sleep at once when it says that it is idle; the word is over when it wakes.
farm shop
role worker min 1 max 2 cpu 60 20 parks up 10s down 10s drain 10m
seen worker-1 running age 4s
seen worker-2 running age 4s
reading worker cpu 50
plan
later 1m
look
reading worker cpu 5
plan
later 1m
look
idle worker-2
plan
turns worker-2 suspended
seen worker-2 suspended age 0s
later 2m
look
reading worker cpu 90
plan
turns worker-2 running
later 1m
look
reading worker cpu 5
plan
later 1m
look
plan
---
worker-2 suspend: 1 more than the target of 1
> park worker-2 in 10 m

worker   wait: at the minimum of 1
worker-2 wait: waiting up to 10 m for the server to say it is idle: 9 m left

worker   wait: at the minimum of 1
worker-2 suspend now, 8 m early: grace ended early: the server said it was idle at 08:02:00 UTC
> hasten worker-2

worker   target 1 -> 2: CpuPercent 90.0 > 60 (over 1 m of 1 of 1 servers, newest 0 ms old)
worker-2 resume: scaling up
> resume worker-2

worker   target 2 -> 1: CpuPercent 5.0 < 20 (over 1 m of 2 of 2 servers, newest 0 ms old)
worker-2 suspend: 1 more than the target of 1
> park worker-2 in 10 m

worker   wait: at the minimum of 1
worker-2 wait: waiting up to 10 m for the server to say it is idle: 9 m left
