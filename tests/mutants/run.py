"""Plants mistakes, and asks the tests which of them they notice.

    tests/run mutants                        150 mistakes by the default seed
    SEED=7 COUNT=60 ROOMS=service,jobs ...   others, fewer, or of some rooms

Everything that can be planted in the rooms is found, some of it is taken by the seed and planted
into a copy of the tree, each mistake behind a switch that is read at run time, so that one build
serves all. What does not compile is weeded by the compiler's errors. Then every test runs once by
itself and notes which places it reached, and how long it took. Of the places reached as many as
asked for are taken by the seed, of each kind alike; each runs the tests that reach it, those of its
room first, then the quickest, until one fails, crashes or hangs: that one killed it.

`equivalent.txt` has those that change nothing anybody could notice, with the reason. They are
counted apart, and at most eight of a run may be.

To add a kind of mistake: a function in `sites.py`. Left out: what is logged, what is only for
tests, and the tests below, which take minutes.
"""

import os
import pathlib
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import probe
import sites as places
from tree import ROOMS, Tree

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("SEED", "1"))
COUNT = int(os.environ.get("COUNT", "150"))
CHOSEN = tuple(os.environ.get("ROOMS", ",".join(ROOMS)).split(","))
SCRATCH = pathlib.Path(os.environ.get("SCRATCH", ROOT / "target/mutants"))
# So many are planted for each that is wanted: some do not compile, some are not reached.
SPARE = 4
KILLED_SHARE = 0.9
EQUIVALENT_MAX = 8

started = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - started:5.0f} s] {text}", flush=True)


def alike(sites, count):
    """So many of them, of each kind as many as of any other while there are."""
    heaps = [[site for site in sites if site.kind == kind] for kind in places.KINDS]
    taken = []
    while len(taken) < count and any(heaps):
        for heap in heaps:
            if heap and len(taken) < count:
                taken.append(heap.pop(0))
    return taken


def choose(tree):
    found = [site for source in tree.sources() for site in places.find(source)]
    found = [site for site in found if site.path.split("/")[1] in CHOSEN]
    found.sort(key=lambda site: (site.path, site.start, site.end, site.kind))
    say(f"{len(found)} places in {', '.join(CHOSEN)}")
    random.Random(SEED).shuffle(found)
    taken = alike(found, COUNT * SPARE)
    for number, site in enumerate(taken, start=1):
        site.number = number
    return taken


def cover(sites, binaries):
    """Every test once, alone: what it takes, and what it reaches."""
    tests = [test for name, path in sorted(binaries.items()) for test in probe.tests(name, path)]
    by_number = {site.number: site for site in sites}
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda test: probe.reached(test, SCRATCH), tests))
    for test, (seconds, numbers) in zip(tests, outcomes):
        if numbers is None:
            raise SystemExit(f"mutants: {test.binary}::{test.name} fails without any mistake")
        test.seconds = seconds
        for number in numbers & by_number.keys():
            by_number[number].tests.append(test)
    return tests


def equivalents():
    """`path | what is planted | why nobody could notice`, a line each."""
    known = {}
    for line in (ROOT / "tests/mutants/equivalent.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            path, said, why = (part.strip() for part in line.split(" | ", 2))
            known[path, said] = why
    return known


def judge(sites):
    """Two at a time; a line each, as soon as it is known."""
    lock = threading.Lock()
    done = [0]

    def one(site):
        site.killed_by = probe.kill(site)
        with lock:
            done[0] += 1
            fate = f"killed by {site.killed_by}" if site.killed_by else "SURVIVED"
            say(f"{done[0]}/{len(sites)} {site.path}:{site.line} {site.kind}: {site.said}: {fate}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, sites))


def report(sites):
    known = equivalents()
    survivors = [site for site in sites if not site.killed_by]
    excused = [site for site in survivors if (site.path, site.said) in known]
    counted = len(sites) - len(excused)
    killed = len(sites) - len(survivors)
    print()
    for site in survivors:
        why = known.get((site.path, site.said))
        print(f"{site.path}:{site.line} {site.kind}: {site.said}")
        print(f"    {'equivalent: ' + why if why else f'SURVIVED {len(site.tests)} tests'}")
    for kind in places.KINDS:
        of_kind = [site for site in sites if site.kind == kind]
        print(f"{kind:<14}{sum(bool(site.killed_by) for site in of_kind):>4} of {len(of_kind)}")
    for room in CHOSEN:
        of_room = [site for site in sites if site.path.split("/")[1] == room]
        print(f"{room:<14}{sum(bool(site.killed_by) for site in of_room):>4} of {len(of_room)}")
    share = killed / counted if counted else 0.0
    minutes = (time.monotonic() - started) / 60
    print(f"seed {SEED}: killed {killed} of {counted} ({share:.1%}), {len(excused)} equivalent, "
          f"{minutes:.0f} min")
    if len(excused) > EQUIVALENT_MAX:
        print(f"mutants: {len(excused)} are called equivalent, at most {EQUIVALENT_MAX}")
        return 1
    return 0 if share >= KILLED_SHARE else 1


def main():
    SCRATCH.mkdir(parents=True, exist_ok=True)
    tree = Tree(ROOT, SCRATCH)
    tree.copy_all()
    sites = tree.weed(choose(tree), say)
    say(f"{len(sites)} compile; building the tests")
    binaries = tree.build()
    say("running every test once")
    tests = cover(sites, binaries)
    reached = [site for site in sites if site.tests]
    total = sum(test.seconds for test in tests)
    say(f"{len(tests)} tests in {total:.0f} s reach {len(reached)} of {len(sites)} places")
    taken = alike(reached, COUNT)
    if len(taken) < COUNT:
        say(f"only {len(taken)} of {COUNT} could be taken")
    judge(taken)
    return report(taken)


if __name__ == "__main__":
    sys.exit(main())
