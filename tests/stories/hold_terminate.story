# Nothing goes by itself: neither what is too much nor what is lost.
farm shop
role web min 1 max 4
seen web-1 running age 4s
seen web-2 running age 4s
missing web-3 for 40s listings 4
hold web terminate for 1h backup is running
plan
---
web-3    wait: terminate is held, 1 h left: backup is running
web      wait: terminate is held, 1 h left: backup is running
