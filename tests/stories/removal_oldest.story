# Who goes first is a person's choice: oldest.
farm shop
role web min 2 max 2 oldest revision 2
server web-1 running age 2h busy 40 revision 2
server web-2 running age 1h busy 10 revision 1
server web-3 running age 3h busy 30 revision 2
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
plan
---
web-3    retire: 1 more than the target of 2
web      rollout from revision 1 to 2
web-2    retire: revision 2 takes its place
web      wait: 3 of 2 servers are not confirmed gone, 2 of them leaving
> retire web-3 (scaling down) in 20 s
> retire web-2 (another revision takes its place) in 20 s
