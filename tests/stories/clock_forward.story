# Somebody sets the clock, or the machine slept: nobody is given up for time in which none looked.
farm shop
role web min 3 max 3 heal restart
seen web-1 running age 4s
server web-2 initializing age 10s
seen web-2 running age 4s
silent web-1 for 10s
server web-3 running age 1h
seen web-3 stopped age 20s
plan
later 1h
started 2s
seen web-1 running age 10s
seen web-2 running age 10s
seen web-3 stopped age 10s
plan
---
web-3    start: the platform says it stopped, seen 20 s before
web-2    wait: getting ready for 10 s of 5 m
> start web-3

web-2    wait: getting ready for 1 h of 1 h 5 m
web-3    wait: start under way for 1 h
