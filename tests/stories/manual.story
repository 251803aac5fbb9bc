# A person asks for one to go: drained, and replaced.
farm shop
role web min 2 max 4 drain 45s
seen web-1 running age 4s
seen web-2 running age 4s
ask web-1 terminate
plan
later 15s
look
plan
---
web-1    retire: a person asked for it
web-3    launch: replaces web-1
> retire web-1 (terminated by a person) in 45 s
> launch web-3 (replacement)

web-1    wait: waiting up to 45 s for the server to say it is idle: 30 s left
web-3    wait: launch under way for 15 s
