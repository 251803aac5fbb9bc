# Where healing is held, nothing is replaced.
farm shop
role web min 2 max 3
hold web heal being looked at
failing web-1 for 6m
seen web-1 running age 1s
passing web-2
seen web-2 running age 1s
plan
---
web-1    wait: heal is held until it is released: being looked at
