# Refused launches climb the ladder; together they are one failure; then one at a time is tried.
farm shop
role web min 2 max 2
plan
later 1s
fails web-1
fails web-2
plan
later 10s
plan
later 1s
fails web-1
plan
later 60s
plan
later 5s
turns web-1 running
later 1s
plan
---
web-1    launch: farm launched, target 2
web-2    launch: farm launched, target 2
> launch web-1 (farm launched)
> launch web-2 (farm launched)

web      wait: next try in 10 s after 1 failed in a row

web-1    launch: farm launched, target 2
web      wait: 1 starting: they will share the load
> launch web-1 (farm launched)

web      wait: next try in 1 m after 2 failed in a row

web-1    launch: farm launched, target 2
web      wait: 1 starting: they will share the load
> launch web-1 (farm launched)

web-2    launch: farm launched, target 2
> launch web-2 (farm launched)
