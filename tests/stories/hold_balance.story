# The balancer keeps its file.
farm shop
role web min 1 max 2
role lb min 1 max 1 balances web
seen web-1 running age 4s
seen lb-1 running age 4s
hold lb balance for 30m a file by hand
plan
---
lb       wait: balance is held, 30 m left: a file by hand
web      keep
