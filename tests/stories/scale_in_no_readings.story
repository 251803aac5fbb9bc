# One of three sends nothing: never scale in without it.
farm shop
role web min 3 max 4 cpu 60 20
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
plan
role web min 2
reading web cpu 4 have 2 of 3
plan
reading web cpu none have 0 of 3
plan
---
web      wait: at the minimum of 3

web      wait: readings from 2 of 3 servers: never scale in without them

web      wait: readings from 0 of 3 servers: never scale in without them
