# A reboot; while it lasts, stopped means nothing.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
ask web-1 reboot
plan
later 5s
seen web-1 stopped age 1s
plan
---
web-1    reboot: a person asked for it
> reboot web-1

web-1    wait: reboot under way for 5 s
