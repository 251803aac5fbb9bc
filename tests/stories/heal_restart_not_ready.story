# A pet that is up but does not get ready is rebooted, in the time a reboot may take.
farm shop
role db min 1 max 1 heal restart timeout 5m reboot 2m
server db-1 initializing age 301s
seen db-1 running age 1s
plan
begins db-1
later 5s
done db-1
later 55s
look
plan
later 61s
look
plan
---
db-1     reboot: not ready after 5 m 1 s
> reboot db-1

db-1     wait: rebooting for 1 m of 2 m

db-1     reboot: not back 2 m 1 s after its reboot
> reboot db-1
