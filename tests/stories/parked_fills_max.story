# A sleeper that fills the maximum is woken: nothing else can take the place of the one that is lost.
farm shop
role web min 1 max 2 parks
seen web-1 gone age 0s
server web-2 suspended age 1h parked
seen web-2 suspended age 4s
plan
role web max 1
plan
gone web-1
plan
---
web-1    retire: the platform says it is gone, seen 0 ms before
web      wait: 2 of 2 servers are not confirmed gone, 2 of them leaving
> retire web-1 (crashed)

web-2    resume: scaling up
web-1    wait: terminate under way for 0 ms
> resume web-2

web-2    wait: resume under way for 0 ms
