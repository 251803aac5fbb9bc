# A lost server stays as it is while healing is held; growth goes on.
farm shop
role web min 3 max 6
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 stopped age 4s
hold web heal for 1h maintenance of the storage
plan
role web min 4
plan
later 1h
look
plan
---
web-3    wait: heal is held, 1 h left: maintenance of the storage

web      target 3 -> 4: 4 to 6 are declared
web-3    wait: heal is held, 1 h left: maintenance of the storage
web-4    launch: farm launched, target 4
> launch web-4 (farm launched)

web-3    retire: the platform says it stopped, seen 0 ms before
web-5    launch: replaces web-3
web-4    wait: launch under way for 1 h
> retire web-3 (crashed)
> launch web-5 (replacement)
