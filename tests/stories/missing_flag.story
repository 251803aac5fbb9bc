# A flagged server keeps its place and stops nothing; one that is gone is replaced.
farm shop
role web min 3 max 4 missing flag
missing web-1 for 20s listings 2
missing web-2 for 40s listings 4
missing web-3 for 40s listings 4
plan
gone web-2
plan
---
web-1    wait: missing for 20 s, 30 s needed
web-2    wait: missing for 40 s: kept; terminate it to have it replaced
web-3    wait: missing for 40 s: kept; terminate it to have it replaced

web-1    wait: missing for 20 s, 30 s needed
web-3    wait: missing for 40 s: kept; terminate it to have it replaced
web-2    launch: farm launched, target 3
> launch web-2 (farm launched)
