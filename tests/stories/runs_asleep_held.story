# What runs although it is to sleep waits while healing is held.
farm shop
role web min 1 max 4 parks
seen web-1 running age 4s
server web-2 suspended age 1h parked
seen web-2 running age 4s
hold web heal for 2h a look
plan
release web heal
plan
---
web-2    wait: heal is held, 2 h left: a look

web-2    suspend: it runs although it is to sleep
> suspend web-2
