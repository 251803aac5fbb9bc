# What never got ready is rolled over first: it serves nobody.
farm shop
role web min 2 max 2
seen web-1 running age 4s
server web-2 initializing age 1m
seen web-2 running age 4s
role web size large
plan
---
web      rollout from revision 1 to 2
web-2    retire: revision 2 takes its place
web      wait: 2 of 2 servers are not confirmed gone, 1 of them leaving
> retire web-2 (another revision takes its place)
