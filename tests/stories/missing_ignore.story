# An ignored one is in the report and nowhere else; what is not ready in time keeps its place too.
farm shop
role web min 2 max 4 missing ignore timeout 5m
missing web-1 for 40s listings 4
server web-2 initializing age 6m
missing web-2 for 50s listings 5
plan
---
web-1    wait: missing for 40 s: ignored
web-2    wait: missing for 50 s: ignored
