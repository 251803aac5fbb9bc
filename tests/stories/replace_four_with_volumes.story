# Four of eight are killed; the platform says so, and each comes back with its index.
farm shop
role app min 8 max 12 storage
seen app-1 running age 4s
seen app-2 stopped age 4s
seen app-3 running age 4s
seen app-4 stopped age 4s
seen app-5 running age 4s
seen app-6 stopped age 4s
seen app-7 running age 4s
seen app-8 stopped age 4s
plan
later 2s
gone app-2
gone app-6
plan
later 2s
gone app-4
gone app-8
plan
---
app-2    retire: the platform says it stopped, seen 4 s before
app-4    retire: the platform says it stopped, seen 4 s before
app-6    retire: the platform says it stopped, seen 4 s before
app-8    retire: the platform says it stopped, seen 4 s before
app      wait: volume 2 is held by a leaving server
app      wait: volume 4 is held by a leaving server
app      wait: volume 6 is held by a leaving server
app      wait: volume 8 is held by a leaving server
> retire app-2 (crashed)
> retire app-4 (crashed)
> retire app-6 (crashed)
> retire app-8 (crashed)

app-2    launch: replaces app-2
app      wait: volume 4 is held by a leaving server
app-6    launch: replaces app-6
app      wait: volume 8 is held by a leaving server
app-4    wait: terminate under way for 2 s
app-8    wait: terminate under way for 2 s
> launch app-2 (replacement)
> launch app-6 (replacement)

app-4    launch: replaces app-4
app-8    launch: replaces app-8
app-2    wait: launch under way for 2 s
app-6    wait: launch under way for 2 s
> launch app-4 (replacement)
> launch app-8 (replacement)
