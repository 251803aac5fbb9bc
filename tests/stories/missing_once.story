# One listing without it is not enough, however long ago.
farm shop
role web min 2 max 4
seen web-1 running age 4s
missing web-2 for 50s listings 1
plan
---
web-2    wait: missing for 50 s, 30 s needed
