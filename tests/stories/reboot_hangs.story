# The call to reboot it has no answer yet: it is not given up for not being back.
farm shop
role web min 2 max 3
seen web-1 running age 4s
seen web-2 running age 4s
ask web-2 reboot
plan
begins web-2
later 6m
look
plan
---
web-2    reboot: a person asked for it
> reboot web-2

web-2    wait: reboot under way for 6 m
