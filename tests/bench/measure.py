"""What every bench needs: lines of figures, processes and their cost, waiting by a condition."""

import os
import random
import socket
import statistics
import subprocess
import time

MIB = 1024 * 1024


class Figures:
    """Prints a line a figure, and remembers whether every promise holds."""

    def __init__(self):
        self.short = []
        print(f"{'figure':<42}{'ours':>12}{'theirs':>12}{'ratio':>8}{'target':>12}")

    def add(self, name, ours, unit, target=None, theirs=None):
        """`ours` and `theirs` are lower-is-better; the ratio says how often ours fits in theirs."""
        columns = [
            f"{name:<42}",
            f"{say(ours, unit):>12}",
            f"{say(theirs, unit):>12}",
            f"{theirs / ours:>7.1f}x" if theirs and ours else f"{'-':>8}",
            f"{say(target, unit):>12}",
        ]
        if target is not None:
            columns.append("  holds" if ours <= target else "  short")
            if ours > target:
                self.short.append(name)
        print("".join(columns), flush=True)

    def at_least(self, name, ours, unit, times, theirs):
        """Of rates, where more is better: ours is to be at least so many times theirs."""
        columns = [
            f"{name:<42}",
            f"{say(ours, unit):>12}",
            f"{say(theirs, unit):>12}",
            f"{ours / theirs:>7.2f}x",
            f"{f'{times}x':>12}",
            "  holds" if ours >= times * theirs else "  short",
        ]
        if ours < times * theirs:
            self.short.append(name)
        print("".join(columns), flush=True)


def say(value, unit):
    if value is None:
        return "-"
    digits = 0 if value >= 1000 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def note(text):
    """A line beside the figures: how they came about."""
    print(f"  {text}", flush=True)


def machine():
    """What the figures depend on."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    kernel = os.uname().release
    return f"{os.cpu_count()} CPUs, {memory:.0f} GiB, Linux {kernel}"


def load():
    """The load average of the last minute: other work makes every latency longer."""
    return f"load average {os.getloadavg()[0]:.1f}"


def until(what, holds, deadline_s, pause_s=0.001):
    """Waits until something holds and returns what it returned; an error after the deadline."""
    end = time.monotonic() + deadline_s
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline_s} s until {what}")
        time.sleep(pause_s)


def milliseconds_until(what, holds, begun, deadline_s=120):
    """Milliseconds from `begun` (a moment of `time.monotonic`) until something holds."""
    until(what, holds, deadline_s)
    return (time.monotonic() - begun) * 1000


def median(values):
    return statistics.median(values)


# Below the ports that the kernel gives to connections, so that none takes one meanwhile.
PORTS = iter(random.sample(range(20_000, 32_000), 1000))


def free_port():
    """A loopback port nobody listens on just now, never the same twice."""
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def tree(pid):
    """A process and everything it started that is still its descendant."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found = [pid]
    for known in found:
        found.extend(children.get(known, []))
    return found


def resident_mib(pid):
    """VmRSS of one process; 0 for one that has ended."""
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0.0


def tree_resident_mib(pids):
    """VmRSS of whole process trees, and how many processes that is."""
    everybody = {member for pid in pids for member in tree(pid)}
    sizes = [size for size in map(resident_mib, everybody) if size > 0]
    return sum(sizes), len(sizes)


def cpu_seconds(pid):
    """CPU time of a process, from the scheduler's own nanoseconds."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def end(process, deadline_s=30):
    """Ends a process we started, and what is left of its tree."""
    members = tree(process.pid)
    process.terminate()
    try:
        process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for member in members[1:]:
        try:
            os.kill(member, 9)
        except ProcessLookupError:
            pass
