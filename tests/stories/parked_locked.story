# Asleep and not to be woken again, but a person locked it: it stays, and that is said.
farm shop
role web min 1 max 4
seen web-1 running age 4s
server web-2 suspended age 1h parked
seen web-2 suspended age 4s
ask web-2 lock
plan
---
web      wait: too many, but 1 are locked
