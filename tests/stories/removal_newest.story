# Who goes first is a person's choice: newest.
farm shop
role web min 2 max 2 newest revision 2
server web-1 running age 2h busy 40 revision 2
server web-2 running age 1h busy 10 revision 1
server web-3 running age 3h busy 30 revision 2
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
plan
---
web-2    retire: 1 more than the target of 2
> retire web-2 (scaling down) in 20 s
