# Frozen, nothing is restarted either.
farm shop
role db min 1 max 1 heal restart
role web min 3 max 3
seen db-1 stopped age 1s
seen web-1 running age 1s
missing web-2 for 40s listings 4
missing web-3 for 40s listings 4
plan
---
shop     wait: frozen: 2 of 3 servers of web vanished within 2 m
db-1     wait: frozen: 2 of 3 servers of web vanished within 2 m
web-2    wait: frozen: 2 of 3 servers of web vanished within 2 m
web-3    wait: frozen: 2 of 3 servers of web vanished within 2 m
