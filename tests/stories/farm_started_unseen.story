# Nobody is woken before it was seen how it is.
farm shop
role web min 1 max 1
server web-1 suspended age 1h
unseen web-1
plan
---
web-1    wait: not seen since the start: unknown
