# The listing that showed it stopped began before it got running.
farm shop
role web min 2 max 4
seen web-1 running age 4s
server web-2 running age 3s
seen web-2 stopped age 6s
plan
---
web-2    wait: last seen 6 s ago: too old to act
