# A person in a hurry leaves no time to finish, whether the server goes already or not.
farm shop
role worker min 1 max 3 drain 10m
seen worker-1 running age 4s
seen worker-2 running age 4s
ask worker-2 terminate
plan
later 1m
look
ask worker-2 hurry
ask worker-1 hurry
plan
---
worker-2 retire: a person asked for it
> retire worker-2 (terminated by a person) in 10 m

worker-1 retire: a person asked for it
worker-3 launch: replaces worker-1
worker-2 wait: terminate under way for 0 ms
> retire worker-1 (terminated by a person)
> launch worker-3 (replacement)
