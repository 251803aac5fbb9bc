# Each farm role lost only one, but together it is everything.
farm shop
role web min 1 max 2
role db min 1 max 2
missing web-1 for 40s listings 4
missing db-1 for 40s listings 4
plan
---
shop     wait: frozen: all 2 servers vanished
web-1    wait: frozen: all 2 servers vanished
db-1     wait: frozen: all 2 servers vanished
