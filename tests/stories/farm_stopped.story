# A person stops the farm: every server is shut down and keeps its place; nothing is healed.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 stopped age 4s
farm shop stopped
plan
turns web-1 suspended
later 1m
look
plan
---
web-1    stop: a person stopped the farm
web-2    stop: a person stopped the farm
shop     wait: stopped by a person: 2 still up
> stop web-1
> stop web-2

shop     wait: stopped by a person: 1 still up
web-2    wait: stop under way for 1 m
