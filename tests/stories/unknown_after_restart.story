# Just started: nothing was seen yet, and nothing is done.
farm shop
role web min 2 max 4
started 2s
unseen web-1
unseen web-2
plan
---
web-1    wait: not seen since the start: unknown
web-2    wait: not seen since the start: unknown
