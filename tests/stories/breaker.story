# An account that failed too often is left alone; then one step is tried, and the others wait for it.
farm shop
role web min 3 max 4
seen web-1 running age 4s
plan
breaker 5 failed 28s left
later 1s
plan
later 27s
plan
begins web-2
later 1s
plan
answers
plan
begins web-3
plan
---
web-2    launch: farm launched, target 3
web-3    launch: farm launched, target 3
> launch web-2 (farm launched)
> launch web-3 (farm launched)

web-2    wait: cloud simulated is left alone for 27 s: 5 failed in a row
web-3    wait: cloud simulated is left alone for 27 s: 5 failed in a row

web-2    wait: cloud simulated is tried with one call after 5 failed in a row
web-3    wait: cloud simulated is tried with one call after 5 failed in a row

web-2    wait: launch under way for 1 s
web-3    wait: cloud simulated is tried with one call after 5 failed in a row

web-2    wait: launch under way for 1 s
web-3    wait: launch under way for 29 s

web-2    wait: launch under way for 1 s
web-3    wait: launch under way for 0 ms
