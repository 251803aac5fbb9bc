# Not all rules are below: nothing.
farm shop
role web min 3 max 4 cpu 60 20 load 4 1
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
plan
role web min 2
reading web cpu 5
reading web load 2
plan
---
web      wait: at the minimum of 3

web      keep
