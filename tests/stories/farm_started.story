# A farm that was stopped wakes in launch order: what is off is started, what sleeps is resumed.
# A server that a person had put to sleep before stays asleep.
farm shop sequential
role db min 2 max 2 index 1
role web min 1 max 1 index 2
server db-1 suspended age 1h
server db-2 suspended age 1h
server web-1 suspended age 1h
seen db-1 stopped age 4s
seen db-2 stopped age 4s
seen web-1 suspended age 4s
ask db-2 sleep
plan
turns db-1 running
later 10s
look
plan
ask db-2 wake
later 1m
plan
---
db-2     wait: a person put it to sleep
db-1     start: it is to be awake
web-1    wait: launch order: db has nothing running
> start db-1

db-2     wait: a person put it to sleep
web-1    resume: it is to be awake
> resume web-1

db-2     start: it is to be awake
web-1    wait: resume under way for 1 m
> start db-2
