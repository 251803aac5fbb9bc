"""Journal commits a second, beside MariaDB's durable single-row inserts.

Both write to the same directory's disk, take turns in one run, start with as many rows, and are
measured twice: as the disk is, and with time added to every fsync and fdatasync, because many
virtual disks do not really flush. strace adds it, to both alike: only these two calls are stopped.
Both sides and the clients run with real-time priority, so that neither waits for other work.
"""

import os
import re
import shutil
import subprocess

from measure import median, note
from peers import MariaDb

ROWS = 100_000
SECONDS, ROUNDS = 4, 3
SLOW_US = 2000
# Writers, added fsync time, and how many times theirs ours has to be.
MEASURED = [(1, 0, 0.7), (16, 0, 0.5), (1, SLOW_US, 0.7), (16, SLOW_US, 1.0)]


class DurableMariaDb(MariaDb):
    """Every commit flushed, no binary log; the rest as it comes."""

    slow_us = 0

    def under(self):
        return under(self.slow_us)

    def command(self):
        durable = ["--innodb-flush-log-at-trx-commit=1", "--skip-log-bin"]
        return [super().command()[0] + durable]

    def statement(self, text):
        subprocess.run(["mariadb", "--no-defaults", "-u", "root", f"--socket={self.dir}/socket",
                        "-e", text], check=True)

    def sysbench(self, *words):
        options = ["--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={self.port}",
                   "--mysql-user=bench", "--mysql-db=bench", f"--table-size={ROWS}"]
        done = subprocess.run([*under(0), "sysbench", "oltp_insert", *options, *words],
                              check=True, capture_output=True, text=True)
        return done.stdout

    def fill(self):
        self.statement("create database bench; create user bench@localhost; "
                       "create user bench@'127.0.0.1'; grant all on bench.* to bench@localhost; "
                       "grant all on bench.* to bench@'127.0.0.1'")
        self.sysbench("prepare")

    def inserts(self, clients):
        said = self.sysbench(f"--threads={clients}", f"--time={SECONDS}", "run")
        return float(re.search(r"transactions: +\d+ +\(([0-9.]+) per sec", said).group(1))


def under(slow_us):
    """Before a command: real-time priority, and a disk that takes so much longer."""
    words = ["chrt", "-r", "1"]
    if slow_us:
        # Its tracer is no parent of what it runs, which so is ended like any other process.
        words += ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null",
                  "-e", "trace=fsync,fdatasync",
                  "-e", f"inject=fsync,fdatasync:delay_exit={slow_us}"]
    return words


def ours(helper, store, slow_us, *words):
    command = [*under(slow_us), helper, words[0], store, *map(str, words[1:])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(word) for word in done.stdout.split()]


def measure(binaries, directory, figures):
    """A figure for each number of writers on each disk."""
    helper = os.path.join(binaries, "examples/engine")
    theirs = DurableMariaDb(os.path.join(directory, "mariadb"))
    store = os.path.join(directory, "store")
    try:
        theirs.first_start()
        theirs.fill()
        ours(helper, store, 0, "prepare", ROWS)
        rounds = {case: ([], [], []) for case in MEASURED}
        for slow_us in (0, SLOW_US):
            theirs.stop()
            theirs.slow_us = slow_us
            theirs.start()
            for case in [case for case in MEASURED if case[1] == slow_us] * ROUNDS:
                mine, others, groups = rounds[case]
                others.append(theirs.inserts(case[0]))
                rate, commits, worst = ours(helper, store, slow_us, "commits", case[0], SECONDS)
                mine.append(rate)
                groups.append((rate * SECONDS / commits, worst))
    finally:
        theirs.stop()
    for (writers, slow_us, target), (mine, others, groups) in rounds.items():
        disk = f", {slow_us // 1000} ms slower disk" if slow_us else ""
        name = f"journal commits, {writers} writer{'s'[:writers > 1]}{disk}"
        figures.at_least(name, median(mine), "/s", target, median(others))
        each, worst = median([size for size, _ in groups]), max(ms for _, ms in groups)
        note(f"{each:.1f} writes a commit, slowest {worst:.0f} ms; rounds "
             f"{say(mine)} beside {say(others)}")
    shutil.rmtree(store)


def say(rates):
    return ", ".join(f"{rate:,.0f}" for rate in rates)
