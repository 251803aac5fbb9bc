# One of the new revision that its platform put to sleep serves nobody: no old one goes for it.
farm shop
role web min 3 max 4 healthy 67
server web-1 running age 1h
seen web-1 running age 4s
server web-2 running age 1h
seen web-2 running age 4s
role web size large
server web-3 running age 1h revision 2
seen web-3 suspended age 4s
plan
---
web-3    resume: the platform says it sleeps, and it is to run, seen 4 s before
web      rollout from revision 1 to 2
web-4    launch: revision 2 instead of web-1
> resume web-3
> launch web-4 (rollout)
