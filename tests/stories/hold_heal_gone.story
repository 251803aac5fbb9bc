# One that is gone for certain is not replaced either, while a server that a person names is.
farm shop
role web min 3 max 6
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
hold web heal for 1h looking into it
plan
gone web-3
plan
ask web-2 terminate
plan
later 1h
look
plan
---
web      keep

web      wait: heal is held, 1 h left: looking into it

web-2    retire: a person asked for it
web-3    launch: replaces web-2
web      wait: heal is held, 1 h left: looking into it
> retire web-2 (terminated by a person) in 20 s
> launch web-3 (replacement)

web-4    launch: farm launched, target 3
web-2    wait: terminate under way for 59 m 40 s
web-3    wait: launch under way for 1 h
> launch web-4 (farm launched)
