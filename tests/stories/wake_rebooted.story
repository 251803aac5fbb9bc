# One that went to sleep while it rebooted is woken, and has the whole time again.
farm shop
role web min 1 max 2
server web-1 suspended age 1h rebooted 1h
seen web-1 suspended age 4s
plan
---
web-1    resume: it is to be awake
> resume web-1
