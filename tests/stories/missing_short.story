# Missing from listings, but not for long enough.
farm shop
role web min 2 max 4
seen web-1 running age 4s
missing web-2 for 12s listings 2
plan
---
web-2    wait: missing for 12 s, 30 s needed
