# Terminating fails: again, a little later each time, without an end.
farm shop
role web min 1 max 4 drain 0s
seen web-1 running age 4s
seen web-2 running age 4s
plan
role web max 1 drain 0s
plan
fails web-2
plan
later 5s
fails web-2
plan
later 4s
plan
later 20s
fails web-2
plan
---
web-2    retire: 1 more than the target of 1
> retire web-2 (scaling down)

web-2    wait: terminate under way for 0 ms

web-2    terminate again: 1 failed in a row
> terminate web-2 in 5 s

web-2    terminate again: 2 failed in a row
> terminate web-2 in 15 s

web-2    wait: next try in 11 s after 2 failed in a row

web-2    terminate again: 3 failed in a row
> terminate web-2 in 1 m
