"""The engine's figures: what planning costs, and what the journal takes beside a
database a user would trust.

`tests/bench/run engine` builds and calls this. Each part has a module of its own and adds its
lines to the same figures.
"""

import os
import shutil
import signal
import sys
import tempfile

import journal
import planner
from measure import Figures, load, machine

PARTS = [planner.measure, journal.measure]


def main(binaries):
    # So that everything started is ended, too, when somebody ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = tempfile.mkdtemp(prefix="grange-bench-", dir="/var/tmp")
    # The peers run as users of their own.
    os.chmod(directory, 0o755)
    print(f"engine on {machine()}, {load()}")
    figures = Figures()
    for part in PARTS:
        part(binaries, directory, figures)
    # Kept when something went wrong: the logs say what.
    shutil.rmtree(directory)
    print(f"{load()} at the end")
    return 1 if figures.short else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
