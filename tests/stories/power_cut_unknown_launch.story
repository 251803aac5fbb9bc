# One whose launch has no answer yet is started after a power cut as soon as that is settled.
farm shop
role web min 1 max 2
server web-1 initializing age 1m
step web-1 launch unknown age 50s
seen web-1 stopped age 0s
plan
---
shop     bring up: all of it was stopped 0 ms ago
web-1    wait: the answer to launch is lost: listing
