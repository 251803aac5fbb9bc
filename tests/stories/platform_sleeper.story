# A running server that the platform put to sleep is woken, and not replaced.
farm shop
role web min 2 max 2
seen web-1 running age 4s
seen web-2 suspended age 4s
plan
turns web-2 running
later 30s
seen web-1 running age 2s
seen web-2 running age 2s
plan
---
web-2    resume: the platform says it sleeps, and it is to run, seen 4 s before
> resume web-2

web      keep
