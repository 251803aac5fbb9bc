# Three leave and are not confirmed gone: the maximum has room for one.
farm shop
role web min 4 max 4
seen web-1 running age 4s
server web-2 pending_terminate age 9s
step web-2 terminate begun age 8s
server web-3 pending_terminate age 9s
step web-3 terminate unknown age 8s
plan
---
web-4    launch: farm launched, target 4
web      wait: 4 of 4 servers are not confirmed gone, 2 of them leaving
web-2    wait: terminate under way for 8 s
web-3    wait: the answer to terminate is lost: listing
> launch web-4 (farm launched)
