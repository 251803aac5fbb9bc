# Nothing but an alert: neither a crash, nor a launch that does not get ready, nor a power cut.
farm shop
role db min 3 max 3 heal alert timeout 5m
seen db-1 stopped age 1s
server db-2 initializing age 6m
seen db-2 running age 1s
missing db-3 for 40s listings 4
plan
---
db-2     wait: not ready after 6 m: kept, people are told
db-1     wait: the platform says it stopped, seen 1 s before: kept, people are told
db-3     wait: missing for 40 s, in 4 listings: kept, people are told
