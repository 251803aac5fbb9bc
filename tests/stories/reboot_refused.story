# A reboot that the platform refuses leaves the server as it was.
farm shop
role web min 1 max 3
seen web-1 running age 1s
ask web-1 reboot
plan
fails web-1
plan
---
web-1    reboot: a person asked for it
> reboot web-1

web      keep
