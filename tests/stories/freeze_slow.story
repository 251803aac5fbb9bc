# Two losses ten minutes apart are not one event; still, missing servers are given up one at a
# time, the next when the one before is confirmed gone.
farm shop
role web min 4 max 6
seen web-1 running age 4s
seen web-2 running age 4s
missing web-3 for 10m listings 60
missing web-4 for 40s listings 4
plan
gone web-3
later 5s
look
plan
---
web-3    retire: missing for 10 m, in 60 listings
web-4    wait: missing servers given up at once: 1 of 1 in flight
web-5    launch: replaces web-3
> retire web-3 (crashed)
> launch web-5 (replacement)

web-4    retire: missing for 45 s, in 5 listings
web-3    launch: replaces web-4
web-5    wait: launch under way for 5 s
> retire web-4 (crashed)
> launch web-3 (replacement)
