# One that scaling put to sleep vanished with another: that a person gave up the third does not
# make a loss of what is left.
farm shop
role web min 1 max 3
server web-1 suspended age 1h parked
missing web-1 for 40s listings 6
missing web-2 for 40s listings 6
silent web-2 for 40s
missing web-3 for 40s listings 6
silent web-3 for 40s
ask web-3 terminate
plan
---
shop     wait: frozen: 2 of 2 servers of web vanished within 2 m
web-3    retire: a person asked for it
web-2    wait: frozen: 2 of 2 servers of web vanished within 2 m
> retire web-3 (terminated by a person)
