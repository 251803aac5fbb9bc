"""What launches cost when several are asked for at once; `BEFORE=DIR` names the binaries of another
build, which is measured in turns with ours and is `theirs` then."""

import os
import shutil
import sys
import tempfile

from appliance import Appliance
from measure import Figures, median, note, until

AT_ONCE = [1, 4, 20]
ROUNDS = int(os.environ.get("ROUNDS", "5"))


def launch(binaries, count):
    """Milliseconds of each call and until each agent says it is ready, of so many at once."""
    directory = tempfile.mkdtemp(prefix="grange-launches-", dir="/var/tmp")
    ours = Appliance(binaries, directory)
    ours.start()
    try:
        ours.declare("shop", "web", count, count)
        until(f"{count} servers run", lambda: len(ours.running()) == count, 120)
        return ours.launches()
    finally:
        ours.remove()
        shutil.rmtree(directory, ignore_errors=True)


def main(binaries, before):
    figures = Figures()
    for count in AT_ONCE:
        seen = {build: ([], []) for build in (binaries, before) if build}
        for _ in range(ROUNDS):
            for build, (calls, running) in seen.items():
                more = launch(build, count)
                calls.append(median(more[0]))
                running.append(median(more[1]))
        theirs = seen.get(before, (None, None))
        for which, what in enumerate(["launch call", "launch begun to running"]):
            other = median(theirs[which]) if before else None
            name = f"{what}, {count} at once"
            figures.add(name, median(seen[binaries][which]), "ms", theirs=other)
    note(f"medians of {ROUNDS} rounds; each round's is the median of its servers")


main(sys.argv[1], os.environ.get("BEFORE"))
