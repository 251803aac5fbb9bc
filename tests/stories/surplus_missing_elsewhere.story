# Too many of one farm role, while a server of another is missing: nobody is taken, and it is said.
farm shop
role web min 1 max 2
role db min 2 max 2
seen web-1 running age 4s
seen web-2 running age 4s
seen db-1 running age 4s
missing db-2 for 10s listings 1
plan
---
db-2     wait: missing for 10 s, 30 s needed
web      wait: 1 too many: nobody is taken while 1 of the farm are missing
