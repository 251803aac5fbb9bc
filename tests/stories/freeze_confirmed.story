# The platform confirms that the vanished ones stopped: they are replaced.
farm shop
role web min 3 max 6
seen web-1 running age 4s
missing web-2 for 40s listings 4
missing web-3 for 42s listings 4
plan
later 5s
seen web-2 gone age 0s
seen web-3 gone age 0s
plan
---
shop     wait: frozen: 2 of 3 servers of web vanished within 2 m
web-2    wait: frozen: 2 of 3 servers of web vanished within 2 m
web-3    wait: frozen: 2 of 3 servers of web vanished within 2 m

web-2    retire: the platform says it is gone, seen 0 ms before
web-3    retire: the platform says it is gone, seen 0 ms before
web-4    launch: replaces web-2
web-5    launch: replaces web-3
> retire web-2 (crashed)
> retire web-3 (crashed)
> launch web-4 (replacement)
> launch web-5 (replacement)
