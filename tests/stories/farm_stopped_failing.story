# What cannot be stopped is tried again, later each time.
farm shop
role web min 1 max 1
seen web-1 running age 4s
step web-1 stop failed age 2s
farm shop stopped
plan
---
web-1    stop: a person stopped the farm
shop     wait: stopped by a person: 1 still up
> stop web-1 in 3 s
