# After a power cut a start waits long for its turn: the time to get ready has not begun.
farm shop
role db min 2 max 2 timeout 1m
server db-1 running age 1h
seen db-1 stopped age 4s
server db-2 running age 1h
seen db-2 stopped age 4s
started 3m
plan
later 5m
begins db-1
look
plan
---
shop     bring up: all of it was stopped 0 ms ago
db-1     start: all servers of the farm were stopped
db-2     start: all servers of the farm were stopped
> start db-1
> start db-2

shop     bring up: all of it was stopped 5 m ago
db-1     wait: start under way for 0 ms
db-2     wait: start under way for 5 m
