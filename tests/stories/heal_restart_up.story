# A pet whose start failed and that is up after all is given the time it takes to get ready.
farm shop
role db min 1 max 1 heal restart timeout 5m reboot 2m
server db-1 resuming age 10s
step db-1 start failed age 5s
seen db-1 running age 1s
plan
later 5m
look
plan
---
db-1     wait: getting ready for 10 s of 5 m

db-1     reboot: not ready after 5 m 10 s
> reboot db-1
