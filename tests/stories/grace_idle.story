# A worker has ten minutes for its task, and says that it is done after four.
farm shop
role worker min 1 max 2 drain 10m
seen worker-1 running age 4s
seen worker-2 running age 4s
plan
later 1m
look
plan
later 168s
idle worker-2
plan
plan
begins worker-2
later 3s
look
plan
---
worker-2 retire: 1 more than the target of 1
> retire worker-2 (scaling down) in 10 m

worker-2 wait: waiting up to 10 m for the server to say it is idle: 9 m left

worker-1 wait: last seen 2 m 48 s ago: too old to act
worker-2 terminate now, 6 m 12 s early: grace ended early: the server said it was idle at 08:03:48 UTC
> hasten worker-2

worker-1 wait: last seen 2 m 48 s ago: too old to act
worker-2 wait: terminate under way for 0 ms

worker-2 wait: terminate under way for 3 s
