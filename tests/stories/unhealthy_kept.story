# Where servers are kept, people are told, and where they are restarted, it is said when.
farm shop
role db min 1 max 1 heal alert
role kv min 1 max 1 heal none
role pet min 1 max 1 heal restart
failing db-1 for 2m
seen db-1 running age 1s
failing kv-1 for 2m
seen kv-1 running age 1s
failing pet-1 for 2m
seen pet-1 running age 1s
plan
---
db-1     wait: its check fails for 2 m: kept, people are told
kv-1     wait: its check fails for 2 m: kept, nothing is done about it
pet-1    wait: its check fails for 2 m: restarted in 3 m
