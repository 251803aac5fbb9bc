# Whom a person reboots or puts to sleep does not make the others look like fewer.
farm shop
role web min 3 max 6
seen web-1 running age 4s
seen web-2 running age 4s
turns web-1 initializing
turns web-2 pending_suspend
missing web-1 for 40s listings 4
missing web-2 for 40s listings 4
missing web-3 for 40s listings 4
plan
---
shop     wait: frozen: 3 of 3 servers of web vanished within 2 m
web-1    wait: frozen: 3 of 3 servers of web vanished within 2 m
web-3    wait: frozen: 3 of 3 servers of web vanished within 2 m
web-1    wait: getting ready for 0 ms of 5 m
