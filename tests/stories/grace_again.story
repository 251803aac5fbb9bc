# A person names a server that is to be put to sleep: it has what is left of its time, and says
# anew that it is idle, because the word counts for one retirement.
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
later 3m
look
ask worker-2 terminate
plan
later 1m
look
plan
idle worker-2
plan
---
worker-2 suspend: 1 more than the target of 1
> park worker-2 in 10 m

worker   wait: at the minimum of 1
worker-2 wait: waiting up to 10 m for the server to say it is idle: 9 m left

worker-2 retire: a person asked for it
worker   wait: at the minimum of 1
> retire worker-2 (terminated by a person) in 6 m

worker   wait: at the minimum of 1
worker-2 wait: waiting up to 6 m for the server to say it is idle: 5 m left

worker   wait: at the minimum of 1
worker-2 terminate now, 5 m early: grace ended early: the server said it was idle at 08:05:00 UTC
> hasten worker-2
