# Frozen, then the platform does not answer any more: still frozen, because nothing is certain.
farm shop
role web min 2 max 4
missing web-1 for 40s listings 4
missing web-2 for 40s listings 4
plan
unseen web-1
unseen web-2
later 10s
plan
---
shop     wait: frozen: 2 of 2 servers of web vanished within 2 m
web-1    wait: frozen: 2 of 2 servers of web vanished within 2 m
web-2    wait: frozen: 2 of 2 servers of web vanished within 2 m

shop     wait: frozen: 2 of 2 servers of web vanished within 2 m
web-1    wait: not seen since the start: unknown
web-2    wait: not seen since the start: unknown
