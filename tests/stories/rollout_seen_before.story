# It was seen stopped before it ran: that does not make it one that serves nobody.
farm shop
role web min 2 max 3 healthy 100
seen web-1 running age 4s
server web-2 running age 1s
seen web-2 stopped age 4s
role web size large
plan
---
web-2    wait: last seen 4 s ago: too old to act
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)
