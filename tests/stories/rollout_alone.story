# A pet of one to one: below 100 percent it may be out for a moment; at 100 nothing happens.
farm shop
role pet min 1 max 1
role strict min 1 max 1 healthy 100
seen pet-1 running age 4s
seen strict-1 running age 4s
role pet size large
role strict size large
plan
---
pet      rollout from revision 1 to 2
pet-1    retire: revision 2 takes its place
strict   rollout from revision 1 to 2
strict   wait: rollout: 1 healthy and 1 must stay so; a higher maxInstances or a lower minHealthyPercent leaves room
pet      wait: 1 of 1 servers are not confirmed gone, 1 of them leaving
> retire pet-1 (another revision takes its place) in 20 s
