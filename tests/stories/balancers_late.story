# Balancers do not know yet that a server makes room: it stays until they do, or for 5 m.
farm shop
role web min 3 max 3 healthy 60
role lb min 1 max 1 balances web
seen web-1 running age 4s
seen web-2 running age 4s
seen web-3 running age 4s
seen lb-1 running age 4s
role web size large
plan
later 20s
look
late web-1 1
plan
later 4m
look
plan
later 1m
look
plan
answers
begins web-1
plan
---
web      rollout from revision 1 to 2
web-1    retire: revision 2 takes its place
web      wait: 3 of 3 servers are not confirmed gone, 1 of them leaving
lb       keep
> retire web-1 (another revision takes its place) in 20 s

web      wait: rollout: 0 of 3 rolled over, 1 starting, 1 leaving
web      wait: 3 of 3 servers are not confirmed gone, 1 of them leaving
web-1    wait: 1 balancers do not know yet: 5 m left at most
lb       keep

web      wait: rollout: 0 of 3 rolled over, 1 starting, 1 leaving
web      wait: 3 of 3 servers are not confirmed gone, 1 of them leaving
web-1    wait: 1 balancers do not know yet: 1 m left at most
lb       keep

web      wait: rollout: 0 of 3 rolled over, 1 starting, 1 leaving
web      wait: 3 of 3 servers are not confirmed gone, 1 of them leaving
web-1    wait: terminate under way for 5 m
lb       keep

web      wait: rollout: 0 of 3 rolled over, 1 starting, 1 leaving
web      wait: 3 of 3 servers are not confirmed gone, 1 of them leaving
web-1    wait: terminate under way for 0 ms
lb       keep
