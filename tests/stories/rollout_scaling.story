# Scaled out and healed during a rollout: with the new revision.
farm shop
role web min 2 max 6 cpu 60 20
seen web-1 running age 4s
seen web-2 running age 4s
role web size large
plan
seen web-2 gone age 1s
plan
gone web-2
turns web-3 running
look
plan
---
web      wait: at the minimum of 2
web      rollout from revision 1 to 2
web-3    launch: revision 2 instead of web-1
> launch web-3 (rollout)

web-2    retire: the platform says it is gone, seen 1 s before
web      wait: at the minimum of 2
web      wait: rollout: 0 of 2 rolled over, 2 starting, 0 leaving
web-4    launch: replaces web-2
web-3    wait: launch under way for 0 ms
> retire web-2 (crashed)
> launch web-4 (replacement)

web      wait: at the minimum of 2
web-1    retire: revision 2 has taken its place
web      wait: rollout: 1 of 2 rolled over, 1 starting, 1 leaving
web-4    wait: launch under way for 0 ms
> retire web-1 (another revision takes its place) in 20 s
