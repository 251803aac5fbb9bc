# A lock that is placed on the way keeps the whole time: a person wants to look.
farm shop
role worker min 1 max 2 cpu 60 20 parks down 10s drain 10m
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
ask worker-2 lock
idle worker-2
plan
ask worker-2 unlock
plan
---
worker-2 suspend: 1 more than the target of 1
> park worker-2 in 10 m

worker   wait: at the minimum of 1
worker-2 wait: waiting up to 10 m for the server to say it is idle: 9 m left

worker   wait: at the minimum of 1
worker-2 wait: waiting up to 10 m for the server to say it is idle: 8 m left

worker   wait: at the minimum of 1
worker-2 suspend now, 8 m early: grace ended early: the server said it was idle at 08:02:00 UTC
> hasten worker-2
