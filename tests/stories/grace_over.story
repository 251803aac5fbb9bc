# Nobody says that the worker is idle: it goes when its time is over, and a late word does nothing.
farm shop
role worker min 1 max 2 drain 10m
seen worker-1 running age 4s
seen worker-2 running age 4s
ask worker-2 terminate
plan
later 9m
look
plan
later 1m
look
plan
idle worker-2
plan
begins worker-2
later 2s
look
idle worker-2
plan
---
worker-2 retire: a person asked for it
> retire worker-2 (terminated by a person) in 10 m

worker-2 wait: waiting up to 10 m for the server to say it is idle: 1 m left

worker-2 wait: terminate under way for 0 ms

worker-2 wait: terminate under way for 0 ms

worker-2 wait: terminate under way for 2 s
