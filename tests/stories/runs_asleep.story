# What runs although it is to sleep is put to sleep again: whom scaling did, and whom a person did,
# who need not be looked at right after.
farm shop
role web min 2 max 4 parks
seen web-1 running age 4s
server web-2 suspended age 1h parked
seen web-2 running age 4s
seen web-3 running age 4s
ask web-3 sleep
turns web-3 suspended
plan
later 5s
look
seen web-3 running age 1s
plan
turns web-2 suspended
later 5s
look
seen web-3 running age 0s
plan
---
web-3    wait: a person put it to sleep
web-2    suspend: it runs although it is to sleep
> suspend web-2

web-3    wait: a person put it to sleep
web-3    wait: it runs although it is to sleep: put to sleep again in 5 s
web-2    wait: suspend under way for 5 s

web-3    wait: a person put it to sleep
web-3    suspend: it runs although it is to sleep
> suspend web-3
