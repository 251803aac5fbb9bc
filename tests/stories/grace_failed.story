# What is idle and could not be terminated waits for its next try: a pause is no grace.
farm shop
role worker min 1 max 2 drain 10m
seen worker-1 running age 4s
seen worker-2 running age 4s
ask worker-2 terminate
plan
later 1m
look
idle worker-2
plan
begins worker-2
later 5s
fails worker-2
look
plan
later 5s
look
plan
---
worker-2 retire: a person asked for it
> retire worker-2 (terminated by a person) in 10 m

worker-2 terminate now, 9 m early: grace ended early: the server said it was idle at 08:01:00 UTC
> hasten worker-2

worker-2 terminate again: 1 failed in a row
> terminate worker-2 in 5 s

worker-2 wait: terminate under way for 0 ms
