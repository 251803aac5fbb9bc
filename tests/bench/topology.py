"""What a change of a farm's topology costs where a template on every server follows it, and how
that grows with the servers. Agents are in the same process and do every order at once; nothing a
user would pick instead works this way, so there is no other side."""

import os
import shutil
import subprocess
import sys
import tempfile

from journal import under
from measure import Figures, load, machine, note

SIZES = [int(size) for size in os.environ.get("SIZES", "100 400 2000").split()]
PARTS = ["launch", "another address in each file", "a server that no file names"]


def measure(binaries, size):
    """For each part: milliseconds until everybody was told, CPU milliseconds, orders of work."""
    directory = tempfile.mkdtemp(prefix="grange-topology-", dir="/var/tmp")
    engine = os.path.join(binaries, "examples/engine")
    command = [*under(0), engine, "topology", directory, str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    shutil.rmtree(directory)
    words = [float(word) for word in done.stdout.split()]
    return [words[part * 3:part * 3 + 3] for part in range(len(PARTS))]


def main(binaries):
    print(f"topology on {machine()}, {load()}")
    figures = Figures()
    for size in SIZES:
        for part, (took, cpu, orders) in zip(PARTS, measure(binaries, size)):
            figures.add(f"{size} servers, {part}, CPU each", cpu / size, "ms")
            figures.add(f"{size} servers, {part}, orders", orders, "")
            note(f"{took / 1000:.1f} s until the last was told, with what they drain")
    print(f"{load()} at the end")
    return 1 if figures.short else 0


sys.exit(main(sys.argv[1]))
