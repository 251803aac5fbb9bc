# An agent that speaks to us outweighs a listing that lacks its server.
farm shop
role web min 2 max 4
seen web-1 running age 4s
missing web-2 for 40s listings 4
heard web-2
plan
---
web-2    wait: missing for 40 s, 30 s needed
