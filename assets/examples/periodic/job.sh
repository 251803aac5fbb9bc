#!/bin/sh -e
# What is done each time. One that fails ends the loop, and begins it anew after a while.
echo "$(date -u +%FT%TZ) $(df -h / | awk 'NR == 2 { print $4 }') free"
