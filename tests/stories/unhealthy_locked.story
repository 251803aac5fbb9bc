# One that is locked is restarted where others would be replaced.
farm shop
role web min 2 max 3
failing web-1 for 6m
seen web-1 running age 1s
ask web-1 lock
passing web-2
seen web-2 running age 1s
plan
---
web-1    reboot: its check fails for 6 m
> reboot web-1
