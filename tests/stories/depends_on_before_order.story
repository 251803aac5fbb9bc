# A dependency wins over the launch index: web is first by its own, but comes after db.
farm shop sequential
role web index 1 min 1 max 1 depends db
role job index 2 min 1 max 1
role db index 3 min 1 max 1
plan
turns job-1 running
plan
turns db-1 running
plan
---
web      wait: depends on db, which has nothing running
job-1    launch: farm launched, target 1
db       wait: launch order: job has nothing running
> launch job-1 (farm launched)

web      wait: depends on db, which has nothing running
db-1     launch: farm launched, target 1
job      keep
> launch db-1 (farm launched)

web-1    launch: farm launched, target 1
job      keep
db       keep
> launch web-1 (farm launched)
