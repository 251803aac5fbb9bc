# Nothing to do.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
plan
---
web      keep
