# A person's own wishes are no automation.
farm shop
role web min 2 max 4
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
hold shop terminate for 1h backup is running
ask web-3 terminate
plan
farm shop terminated
plan
---
web-3    retire: a person asked for it
> retire web-3 (terminated by a person) in 20 s

web-1    retire: the farm is terminated
web-2    retire: the farm is terminated
web-3    wait: waiting up to 20 s for the server to say it is idle: 20 s left
> retire web-1 (farm terminated)
> retire web-2 (farm terminated)
