# A farm role is removed: its servers go, the others stay.
farm shop
role web min 1 max 4
role old min 2 max 2
seen web-1 running age 4s
seen old-1 running age 4s
seen old-2 running age 4s
plan
role old removed
plan
---
web      keep
old      keep

old-1    retire: the farm role is removed
old-2    retire: the farm role is removed
web      keep
> retire old-1 (farm role removed) in 20 s
> retire old-2 (farm role removed) in 20 s
