# A sequential farm is stopped from its end, and a server that is starting is stopped too.
farm shop sequential
role db min 1 max 1 index 1
role web min 2 max 4 index 2
seen db-1 running age 4s
seen web-1 running age 4s
server web-2 initializing age 10s
seen web-2 running age 4s
farm shop stopped
plan
turns web-1 suspended
turns web-2 suspended
plan
---
web-1    stop: a person stopped the farm
web-2    stop: a person stopped the farm
db       wait: leaving in reverse: web goes first
shop     wait: stopped by a person: 3 still up
> stop web-1
> stop web-2

db-1     stop: a person stopped the farm
shop     wait: stopped by a person: 1 still up
web      keep
> stop db-1
