# A reboot that takes too long is a failure, but no failed launch: another one is launched at once.
farm shop
role web min 1 max 3 reboot 2m timeout 10m
seen web-1 running age 1s
ask web-1 reboot
plan
begins web-1
later 5s
done web-1
later 55s
look
plan
later 61s
look
plan
---
web-1    reboot: a person asked for it
> reboot web-1

web-1    wait: rebooting for 1 m of 2 m

web-1    retire: not back 2 m 1 s after its reboot
web-2    launch: replaces web-1
> retire web-1 (not ready in time)
> launch web-2 (replacement)
