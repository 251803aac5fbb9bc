# At the maximum the replacement waits until the old one is confirmed gone.
farm shop
role web min 2 max 2
seen web-1 running age 4s
seen web-2 stopped age 4s
plan
gone web-2
later 2s
plan
---
web-2    retire: the platform says it stopped, seen 4 s before
web      wait: 2 of 2 servers are not confirmed gone, 1 of them leaving
> retire web-2 (crashed)

web-2    launch: replaces web-2
> launch web-2 (replacement)
