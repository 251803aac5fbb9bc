"""What planning costs: passes over 10,000 servers, and the launch of 1,000.

Nothing a user would pick instead plans like this, so there is no other side; the engine's own full
pass is what an incremental one is compared with. Every part is run several times under real-time priority
and the median counts, because other work on the machine makes some of them longer.
"""

import os
import shutil
import subprocess

from journal import under
from measure import median, note

RUNS = 3
# The figure's name, farms, farm roles of each, servers of each farm role.
WORLDS = [("200 farms of 50", 200, 2, 25), ("one farm of 10,000", 1, 25, 400)]


def helper(binaries, directory, *words):
    state = os.path.join(directory, "planner")
    os.makedirs(state)
    engine = os.path.join(binaries, "examples/engine")
    command = [*under(0), engine, words[0], state, *map(str, words[1:])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    shutil.rmtree(state)
    return [float(word) for word in done.stdout.split()]


def measure(binaries, directory, figures):
    """Passes over both worlds, then launches."""
    for name, farms, roles, servers in WORLDS:
        runs = [helper(binaries, directory, "passes", farms, roles, servers) for _ in range(RUNS)]
        full, part, worst, memory = map(median, zip(*runs))
        figures.add(f"full pass, {name}", full, "ms", 300)
        figures.add(f"one server's change, {name}", part, "ms", 1)
        if farms == 1:
            figures.at_least("  and how often it fits in a full pass", 1 / part, "/ms", 20, 1 / full)
        figures.add(f"memory, {name}", memory, "MiB", 1024)
        note(f"slowest incremental pass {worst:.1f} ms; full passes "
             f"{', '.join(f'{run[0]:.0f}' for run in runs)} ms")
    runs = [helper(binaries, directory, "launch", 25, 40) for _ in range(RUNS)]
    begun, running, gone = map(median, zip(*runs))
    figures.add("1,000 servers, apply to all begun", begun / 1000, "s", 2)
    figures.add("1,000 servers, apply to all running", running / 1000, "s", 2)
    figures.add("1,000 servers, terminate to all gone", gone / 1000, "s", 2)
    note(f"8 calls at once, as shipped; runs to running "
         f"{', '.join(f'{run[1] / 1000:.2f}' for run in runs)} s")
