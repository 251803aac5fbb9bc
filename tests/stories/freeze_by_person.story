# A person knows better: what they terminate goes although automation is frozen.
farm shop
role web min 3 max 6
seen web-1 running age 4s
missing web-2 for 40s listings 4
missing web-3 for 42s listings 4
plan
ask web-2 terminate
ask web-3 terminate
plan
---
shop     wait: frozen: 2 of 3 servers of web vanished within 2 m
web-2    wait: frozen: 2 of 3 servers of web vanished within 2 m
web-3    wait: frozen: 2 of 3 servers of web vanished within 2 m

web-2    retire: a person asked for it
web-3    retire: a person asked for it
web-4    launch: replaces web-2
web-5    launch: replaces web-3
> retire web-2 (terminated by a person)
> retire web-3 (terminated by a person)
> launch web-4 (replacement)
> launch web-5 (replacement)
