# What runs although its farm is stopped is stopped again, and not for ever.
farm shop stopped
role web min 2 max 2
server web-1 suspended age 1h
seen web-1 running age 4s
server web-2 suspended age 1h restarts 3
seen web-2 running age 4s
plan
---
shop     wait: stopped by a person: until it is started
web-1    stop: it runs although it is to sleep
web-2    wait: it runs although it is to sleep: 3 restarts did not help; terminate it to have it replaced
> stop web-1
