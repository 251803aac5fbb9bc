# Two of three vanish at once without a word of the platform: stop, and wait.
farm shop
role web min 3 max 6 cpu 60 20
seen web-1 running age 4s
missing web-2 for 40s listings 4
missing web-3 for 42s listings 4
reading web cpu 90
plan
# Seen again: on it goes.
seen web-2 running age 0s
seen web-3 running age 0s
later 5s
plan
---
shop     wait: frozen: 2 of 3 servers of web vanished within 2 m
web-2    wait: frozen: 2 of 3 servers of web vanished within 2 m
web-3    wait: frozen: 2 of 3 servers of web vanished within 2 m

web-2    wait: agent silent for 45 s, but the platform says it runs
web-3    wait: agent silent for 47 s, but the platform says it runs
web      target 3 -> 4: CpuPercent 90.0 > 60 (over 1 m of 3 of 3 servers, newest 5 s old)
web-4    launch: scaling up, target 4
> launch web-4 (scaling up)
