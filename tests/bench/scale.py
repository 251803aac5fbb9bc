"""How what the appliance costs grows with its servers: a row a cost, a column a number of servers.

`tests/bench/run scale` builds and calls this. What is measured is the shipped program: `grange serve` over a
data directory of its own, its command line, its API. Its only platform is `onboard`, of which thousands do not
fit on a machine, so the servers are records on a platform that nobody lists, written while it is stopped: as
they are long after their launch, in farms of a hundred. Nothing launches or lists them; planning, lists,
commits, start, agents and readings are the real ones. Agents are real connections (TLS, MQTT, a certificate
each) from one process that sends each one's readings every ten seconds. Lifecycles are launched and terminated
by every job in one process on the `simulated` platform (`engine lives`).

A row is `short` when a cost grows more than its servers do, with TOLERANCE for a machine that has other work,
or when it misses a target of its own. CPU is the scheduler's own count of nanoseconds, of the appliance alone.

    SIZES="100 1000"   fewer or other numbers of servers (100 1000 10000)
    LIVES=20000        fewer lifecycles (50000); 0 leaves them out
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from appliance import Appliance
from measure import MIB, cpu_seconds, end, load, machine, median, note, resident_mib, say, until

SIZES = [int(word) for word in os.environ.get("SIZES", "100 1000 10000").split()]
LIVES = int(os.environ.get("LIVES", "50000"))
# A cost may grow as often as servers do, times this.
TOLERANCE = 1.3
# How long the appliance is left alone, and how long its agents are watched: three of their periods.
REST_S = 20
AGENTS_S = 30
# Without a write for so long it has settled.
QUIET_S = 5
# How long system calls are counted; it makes them slower, so nothing else is measured meanwhile.
TRACED_S = 10
RUNS = 5
PAGES = 40
CHANGES = 20
# Sockets of 10,000 agents here.
OPEN_FILES = 20_000
# What is below is as good as this: a share of it is the clock and the machine, not us.
FLOORS = {"ms": 2.0, "%": 0.2, "MiB": 8.0, "/min": 20.0, "MiB/h": 4.0}


class Table:
    """Rows by their names; a value for each number of servers."""

    def __init__(self):
        self.rows = {}
        self.short = []

    def add(self, name, unit, value, target=None):
        row = self.rows.setdefault(name, (unit, target, []))
        row[2].append(value)

    def print(self):
        heads = "".join(f"{size:>14,}" for size in SIZES)
        growths = "".join(f"{f'to {size:,}':>11}" for size in SIZES[1:])
        print(f"{'servers':<38}{heads}{growths}{'target':>12}")
        for name, (unit, target, values) in self.rows.items():
            pairs = list(zip(SIZES, values))
            grown = [growth(unit, a, b) for (_, a), (_, b) in zip(pairs, pairs[1:])]
            linear = [b / a for (a, _), (b, _) in zip(pairs, pairs[1:])]
            fits = all(ours <= most * TOLERANCE for ours, most in zip(grown, linear))
            # Targets are promises about 10,000 servers.
            holds = target is None or SIZES[-1] < 10_000 or values[-1] <= target
            if not (fits and holds):
                self.short.append(name)
            columns = "".join(f"{say(value, unit):>14}" for value in values)
            ratios = "".join(f"{f'x{ratio:.1f}':>11}" for ratio in grown)
            verdict = "holds" if fits and holds else "short"
            print(f"{name:<38}{columns}{ratios}{say(target, unit):>12}  {verdict}", flush=True)


def growth(unit, small, large):
    floor = FLOORS.get(unit, 0)
    return max(large, floor) / max(small, floor)


def written(pid):
    """Bytes that a process wrote to files and sockets, by its own calls."""
    with open(f"/proc/{pid}/io") as file:
        return dict(line.split(": ") for line in file.read().splitlines())


def over(pid, seconds):
    """Share of a core in percent, and MiB an hour to the disk, over a while."""
    cpu, bytes_before, begun = cpu_seconds(pid), int(written(pid)["write_bytes"]), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - begun
    share = (cpu_seconds(pid) - cpu) / took * 100
    wrote = int(written(pid)["write_bytes"]) - bytes_before
    return share, wrote / MIB * 3600 / took


def syncs_a_minute(pid):
    """Waits for the disk, counted by strace."""
    done = subprocess.run(
        ["timeout", "--signal=INT", str(TRACED_S), "strace", "-f", "-c", "-e", "trace=fsync,fdatasync",
         "-p", str(pid)],
        capture_output=True, text=True,
    )
    rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+).*\b(?:fsync|fdatasync)$", done.stderr, re.M)
    assert "attached" in done.stderr, done.stderr
    return sum(map(int, rows)) * 60 / TRACED_S


def at_rest(ours):
    """Whether it wrote nothing for a while: the first plans about what was prepared are committed."""
    before = written(ours.process.pid)["write_bytes"]
    time.sleep(QUIET_S)
    return written(ours.process.pid)["write_bytes"] == before


def rest(ours, table):
    until("it has come to rest", lambda: at_rest(ours), 120)
    share, wrote = over(ours.process.pid, REST_S)
    table.add("at rest, share of a core", "%", share)
    table.add("at rest, written to the disk", "MiB/h", wrote)
    table.add("at rest, resident", "MiB", resident_mib(ours.process.pid))


def costs(ours, act, times):
    """Wall milliseconds and the appliance's CPU milliseconds of something, the medians."""
    walls, cpus = [], []
    for _ in range(times):
        cpu, begun = cpu_seconds(ours.process.pid), time.monotonic()
        act()
        walls.append((time.monotonic() - begun) * 1000)
        cpus.append((cpu_seconds(ours.process.pid) - cpu) * 1000)
    return median(walls), median(cpus)


def lists(ours, table):
    """Every list and page, by the command line and by the API."""
    commands = {
        "server list": ({"wall": 150}, ["server", "list"]),
        "farm list": ({"cpu": 3}, ["farm", "list"]),
        "farm show": ({}, ["farm", "show", "fleet1"]),
        "server show": ({}, ["server", "show", "fleet1/web1-1"]),
        "explain server": ({}, ["explain", "fleet1/web1-1"]),
        "explain farm": ({}, ["explain", "fleet1"]),
        "events": ({}, ["events"]),
        "status": ({}, ["status"]),
    }
    for name, (targets, words) in commands.items():
        wall, cpu = costs(ours, lambda: ours.command(*words), RUNS)
        table.add(f"{name}, wall", "ms", wall, targets.get("wall"))
        table.add(f"{name}, CPU", "ms", cpu, targets.get("cpu"))
    size = SIZES[len(table.rows["farm list, CPU"][2]) - 1]
    for name, page in (("first", 1), ("last", max(1, size // 100))):
        ask = lambda: [ours.get(f"servers/?maxResults=100&pageNum={page}") for _ in range(PAGES)]
        ask()
        _, cpu = costs(ours, ask, RUNS)
        table.add(f"the {name} page of 100 servers, CPU", "ms", cpu / PAGES, 0.5)


def changes(ours, table):
    """One server's change, with everything that follows it."""

    def turn():
        for _ in range(CHANGES // 2):
            ours.command("server", "lock", "fleet1/web1-1", "--reason", "measured")
            ours.command("server", "unlock", "fleet1/web1-1")

    turn()
    _, cpu = costs(ours, turn, 3)
    table.add("one server's change, CPU", "ms", cpu / CHANGES)


def agents(ours, count, table):
    """Everybody connected, with readings every ten seconds."""
    pid, before = ours.process.pid, cpu_seconds(ours.process.pid)
    client = subprocess.Popen(
        [ours.helper, "report", ours.data, f"127.0.0.1:{ours.agents}", str(count)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    try:
        said = client.stdout.readline().strip()
        assert said == f"{count} connected", said or "the agents' client failed"
        table.add("agents, CPU to connect all", "ms", (cpu_seconds(pid) - before) * 1000)
        # Until each has sent once.
        time.sleep(AGENTS_S / 3)
        share, wrote = over(pid, AGENTS_S)
        table.add("agents, share of a core", "%", share)
        table.add("agents, written to the disk", "MiB/h", wrote)
        table.add("agents, resident", "MiB", resident_mib(pid))
        table.add("agents, waits for the disk", "/min", syncs_a_minute(pid))
        assert client.poll() is None, "the agents' client ended"
    finally:
        client.stdin.close()
        end(client)


def starts(ours, table):
    """Over what is there by now, readings too."""
    stopped, killed = [], []
    for _ in range(3):
        ours.stop()
        stopped.append(ours.start())
        ours.process.kill()
        ours.process.wait()
        killed.append(ours.start())
    table.add("start after a stop", "ms", median(stopped))
    table.add("start after a kill", "ms", median(killed))


def measure(binaries, directory, count, table):
    ours = Appliance(binaries, directory, onboard=False)
    try:
        # The first start makes keys and records; then the servers are written beside them.
        ours.start()
        ours.stop()
        subprocess.run([ours.helper, "prepare", directory, str(count)], check=True)
        ours.start()
        there = lambda: ours.get("grange/status/")["servers"] == count
        until("every server is known", there, 60)
        rest(ours, table)
        lists(ours, table)
        changes(ours, table)
        agents(ours, count, table)
        starts(ours, table)
        size = sum(file.stat().st_blocks * 512 for file in os.scandir(directory) if file.is_file())
        table.add("store on the disk", "MiB", size / MIB)
    finally:
        ours.stop()


def lives(binaries, directory):
    """Lifecycles one after the other; says what of it is short."""
    engine = os.path.join(binaries, "examples", "engine")
    os.makedirs(directory)
    done = subprocess.run(
        [engine, "lives", directory, str(LIVES)], check=True, capture_output=True, text=True
    )
    rows = [list(map(float, line.split())) for line in done.stdout.splitlines()]
    print(f"{'lifecycles':<14}{'CPU of each':>14}{'store':>14}{'resident':>14}{'farm list':>14}")
    for count, cpu, store, memory, listed in rows:
        print(f"{count:<14,.0f}{say(cpu, 'ms'):>14}{say(store, 'MiB'):>14}"
              f"{say(memory, 'MiB'):>14}{say(listed, 'us'):>14}")
    assert rows, f"LIVES has to be at least 10,000, not {LIVES}"
    first, last = rows[0], rows[-1]
    short = []
    # Servers long gone cost nothing: these stay what they were, and the rest is not more than linear.
    if last[4] > max(first[4], 100) * 2:
        short.append("farm list after lifecycles")
    if last[1] > first[1] * 2:
        short.append("CPU of a lifecycle")
    if last[2] / first[2] > last[0] / first[0] * TOLERANCE:
        short.append("store after lifecycles")
    return short


def main(binaries):
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    # So that everything started is ended, too, when somebody ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = tempfile.mkdtemp(prefix="grange-bench-", dir="/var/tmp")
    print(f"scale on {machine()}, {load()}")
    note("servers are records on a platform that nobody lists: the shipped program has `onboard` alone")
    table = Table()
    for count in SIZES:
        measure(binaries, os.path.join(directory, str(count)), count, table)
        note(f"{count:,} servers measured, {load()}")
    table.print()
    short = table.short
    if LIVES:
        short += lives(binaries, os.path.join(directory, "lives"))
    # Kept when something went wrong: the logs say what.
    shutil.rmtree(directory)
    print(f"{load()} at the end")
    if short:
        print(f"short: {', '.join(short)}")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
