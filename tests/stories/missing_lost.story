# Missing for long enough: lost, retired and replaced.
farm shop
role web min 2 max 4
seen web-1 running age 4s
missing web-2 for 40s listings 4
plan
---
web-2    retire: missing for 40 s, in 4 listings
web-3    launch: replaces web-2
> retire web-2 (crashed)
> launch web-3 (replacement)
