"""What the appliance costs: starting, waiting, its files, launching servers, and their agents.

The peers are what the system we grew from needs for the same work; the figures beside each other
are measured in one run on one machine. `tests/bench/run footprint` builds and calls this.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from appliance import Appliance, agents_of
from measure import (
    Figures, cpu_seconds, end, load, machine, median, milliseconds_until, note, resident_mib,
    tree_resident_mib, until,
)
from peers import InfluxDb, MariaDb, RabbitMq, idle_clients, installed_megabytes

# How long something is left alone before its memory counts as idle.
IDLE_S = 20
# How long an agent's CPU is added up: three of its readings.
AGENT_S = 30
SERVERS = 20
AGENTS = 2000
OURS_RUNS, THEIR_RUNS = 5, 3
# Sockets of 2,000 clients here, and of as many in the peer.
OPEN_FILES = 20_000


class Peers:
    """The three together, in the order they would be started."""

    def __init__(self, directory):
        kinds = (MariaDb, RabbitMq, InfluxDb)
        self.all = [kind(os.path.join(directory, kind.name)) for kind in kinds]
        self.rabbit = self.all[1]

    def stop(self):
        for peer in self.all:
            peer.stop()

    def in_turn(self):
        """Milliseconds of each, one after the other, and then ended."""
        times = [peer.start() for peer in self.all]
        self.stop()
        return times

    def at_once(self, start=lambda peer: peer.start()):
        """Milliseconds until all three are ready when they start together."""
        begun = time.monotonic()
        with ThreadPoolExecutor(len(self.all)) as pool:
            list(pool.map(start, self.all))
        return (time.monotonic() - begun) * 1000

    def resident(self):
        return tree_resident_mib(
            process.pid for peer in self.all for process in peer.processes)


def measure_peers(directory):
    """Everything the peers are compared by."""
    peers, theirs = Peers(directory), {}
    try:
        theirs["first"] = peers.at_once(lambda peer: peer.first_start())
        peers.stop()
        turns = [peers.in_turn() for _ in range(THEIR_RUNS)]
        together = []
        for _ in range(THEIR_RUNS):
            peers.stop()
            together.append(peers.at_once())
        theirs["start"] = median(together)
        time.sleep(IDLE_S)
        theirs["idle"], processes = peers.resident()
        clients = idle_clients(peers.rabbit.mqtt, AGENTS)
        time.sleep(IDLE_S)
        pids = [process.pid for process in peers.rabbit.processes]
        theirs["agents"], _ = tree_resident_mib(pids)
        for client in clients:
            client.close()
    finally:
        peers.stop()
    theirs["size"] = installed_megabytes()
    each = [f"{peer.name} {median(times):,.0f}" for peer, times in zip(peers.all, zip(*turns))]
    in_turn = median([sum(times) for times in turns])
    note(f"theirs: all three started at once, {processes} processes")
    note(f"started in turn: {in_turn:,.0f} ms ({', '.join(each)})")
    return theirs


def starts(binaries, directory, figures, theirs, made):
    """First starts, each in a directory of its own; the last one stays."""
    first = []
    for run in range(OURS_RUNS):
        ours = Appliance(binaries, os.path.join(directory, f"first-{run}"))
        made.append(ours)
        first.append(ours.start())
        if run + 1 < OURS_RUNS:
            ours.stop()
    figures.add("first start to ready", median(first), "ms", 500, theirs["first"])
    time.sleep(IDLE_S)
    figures.add("idle, resident", resident_mib(ours.process.pid), "MiB", 40, theirs["idle"])
    return ours


def launches(ours, figures):
    """Servers one after the other, as the journal tells it; then as many at once."""
    for count in range(1, SERVERS + 1):
        ours.declare("one-by-one", "web", count, SERVERS)
        until("the server runs", lambda: len(ours.running()) == count, 60)
    calls, running = ours.launches()
    assert len(calls) == len(running) == SERVERS, f"{len(calls)} calls, {len(running)} running"
    figures.add(f"launch call, p50 of {SERVERS}", median(calls), "ms", 20)
    figures.add(f"launch begun to running, p50 of {SERVERS}", median(running), "ms", 500)
    note(f"slowest launch call {max(calls)} ms, slowest to running {max(running)} ms")
    begun = time.monotonic()
    ours.declare("at-once", "web", SERVERS, SERVERS)
    everybody = lambda: len(ours.running()) == 2 * SERVERS
    all_ms = milliseconds_until("all servers run", everybody, begun)
    note(f"{SERVERS} more declared at once: all running after {all_ms:,.0f} ms")


def agents(ours, figures):
    """What one agent costs its server; the median of all of them."""
    pids = agents_of(ours.running())
    assert len(pids) == 2 * SERVERS, f"{len(pids)} agents found"
    # Enrolment and the first connection are behind them.
    time.sleep(IDLE_S)
    before = {pid: cpu_seconds(pid) for pid in pids}
    time.sleep(AGENT_S)
    shares = [(cpu_seconds(pid) - before[pid]) / AGENT_S * 100 for pid in pids]
    figures.add("one agent, resident", median(map(resident_mib, pids)), "MiB", 8)
    figures.add("one agent, share of a core", median(shares), "%", 0.5)


def restarts(ours, figures, theirs):
    """Starts over existing data: a journal, and servers that live on meanwhile."""
    times = []
    for _ in range(OURS_RUNS):
        ours.stop()
        times.append(ours.start())
    figures.add("start to ready, existing data", median(times), "ms", 150, theirs["start"])
    note(f"ours with {2 * SERVERS} servers; all: {', '.join(f'{ms:.1f}' for ms in times)} ms")
    time.sleep(IDLE_S)
    note(f"ours idle with {2 * SERVERS} servers: {resident_mib(ours.process.pid):.1f} MiB")


def sizes(binaries, figures, theirs):
    for name, target, beside in (("grange", 40, theirs["size"]), ("grange-agent", 6, None)):
        megabytes = os.path.getsize(os.path.join(binaries, name)) / 1e6
        figures.add(f"binary {name}", megabytes, "MB", target, beside)


def connections(binaries, directory, figures, theirs):
    """The appliance with idle agents: mutual TLS, MQTT, subscribed to their orders."""
    ours = Appliance(binaries, directory, onboard=False)
    client = None
    try:
        # The first start makes keys and records; then the servers are written beside them.
        ours.start()
        ours.stop()
        subprocess.run([ours.helper, "prepare", directory, str(AGENTS)], check=True)
        ours.start()
        time.sleep(IDLE_S)
        before = resident_mib(ours.process.pid)
        client = subprocess.Popen(
            [ours.helper, "connect", directory, f"127.0.0.1:{ours.agents}", str(AGENTS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        said = client.stdout.readline().strip()
        assert said == f"{AGENTS} connected", said or "the agents' client failed"
        time.sleep(IDLE_S)
        after = resident_mib(ours.process.pid)
        assert client.poll() is None, "the agents' client ended"
        name = f"{AGENTS:,} idle agents, resident"
        figures.add(name, after, "MiB", 130, theirs["agents"])
        each = (after - before) * 1024 / AGENTS
        note(f"{before:.1f} MiB before they connected: {each:.1f} KiB an agent")
    finally:
        if client is not None:
            client.stdin.close()
            end(client)
        ours.stop()


def main(binaries):
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    # So that everything started is ended, too, when somebody ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = tempfile.mkdtemp(prefix="grange-bench-", dir="/var/tmp")
    # The peers run as users of their own.
    os.chmod(directory, 0o755)
    print(f"footprint on {machine()}, {load()}")
    made = []
    try:
        theirs = measure_peers(os.path.join(directory, "peers"))
        figures = Figures()
        ours = starts(binaries, directory, figures, theirs, made)
        launches(ours, figures)
        agents(ours, figures)
        restarts(ours, figures, theirs)
        ours.stop()
        sizes(binaries, figures, theirs)
        connections(binaries, os.path.join(directory, "agents"), figures, theirs)
    finally:
        for appliance in made:
            appliance.remove()
    # Kept when something went wrong: the logs say what.
    shutil.rmtree(directory)
    print(f"{load()} at the end")
    return 1 if figures.short else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
