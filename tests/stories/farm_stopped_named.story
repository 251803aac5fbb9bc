# Whom a person wants gone goes, though the farm is stopped.
farm shop
role web min 2 max 3
seen web-1 running age 4s
seen web-2 running age 4s
ask web-2 terminate
farm shop stopped
plan
---
web-2    retire: a person asked for it
web-1    stop: a person stopped the farm
shop     wait: stopped by a person: 2 still up
> retire web-2 (terminated by a person) in 20 s
> stop web-1
