# Where nothing is healed, it stays for a person to look at.
farm shop
role web min 1 max 2 timeout 5m heal alert
server web-1 initializing age 1m
seen web-1 running age 3s
unset web-1 setup 2 of 3, apt-get install, exited with 100
plan
---
web-1    wait: it cannot do its work: setup 2 of 3, apt-get install, exited with 100: kept, people are told
