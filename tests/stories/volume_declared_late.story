# Volumes are declared while a replacement is owed whose index another server has taken: there is
# nothing to wait for, and it gets another one.
farm shop
role web min 3 max 3
seen web-1 running age 4s
seen web-2 gone age 4s
seen web-3 gone age 4s
plan
gone web-3
later 2s
plan
role web storage
gone web-2
turns web-3 running
look
plan
---
web-2    retire: the platform says it is gone, seen 4 s before
web-3    retire: the platform says it is gone, seen 4 s before
web      wait: 3 of 3 servers are not confirmed gone, 2 of them leaving
> retire web-2 (crashed)
> retire web-3 (crashed)

web-3    launch: replaces web-2
web      wait: 3 of 3 servers are not confirmed gone, 1 of them leaving
web-2    wait: terminate under way for 2 s
> launch web-3 (replacement)

web-2    launch: replaces web-3
> launch web-2 (replacement)
