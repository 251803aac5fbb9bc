# Where failures are only told of, so is a server that the platform put to sleep.
farm shop
role web min 2 max 2 heal alert
seen web-1 running age 4s
seen web-2 suspended age 4s
plan
---
web-2    wait: the platform says it sleeps, and it is to run, seen 4 s before: kept, people are told
