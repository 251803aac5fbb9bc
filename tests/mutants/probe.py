"""Runs tests against the mistakes: which places a test reaches, and which test kills a mistake."""

import os
import pathlib
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

# Tests that take minutes each: every crash point of a life, every planted fault.
LEFT_OUT = {
    "a_crash_at_any_write_or_call_breaks_nothing",
    "every_planted_fault_is_found",
}
# Fewer cases where a test draws them: the cheap parts, against each mistake.
FEWER = {
    "SEEDS": "24",
    "PROPTEST_CASES": "200",
    "PROPTEST_RNG_SEED": "1",
    "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1",
    "RUST_BACKTRACE": "0",
}
# A test hangs that says nothing for so long, beside ten times what it took without a mistake.
HANGS_AFTER_S = 30
# Tests run in batches of about so much time, so that what is quick comes first.
BATCHES_S = (0.5, 3, 10)


@dataclass
class Test:
    binary: str
    path: str
    name: str
    seconds: float = 0.0


def tests(binary, path):
    listed = subprocess.run([path, "--list"], check=True, capture_output=True, text=True).stdout
    names = [line[: -len(": test")] for line in listed.splitlines() if line.endswith(": test")]
    return [Test(binary, path, name) for name in names if name not in LEFT_OUT]


def environment(**more):
    return {**os.environ, **FEWER, **more}


def reached(test, scratch):
    """Seconds, and the numbers of the places; none where it fails twice."""
    for _ in range(2):
        with tempfile.NamedTemporaryFile(dir=scratch) as file:
            begun = time.monotonic()
            done = subprocess.run(
                [test.path, "--exact", test.name, "--test-threads=1"],
                env=environment(GRANGE_MUTANTS_REACHED=file.name), cwd=workdir(test.path),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=1200)
            seconds = time.monotonic() - begun
            if done.returncode == 0:
                return seconds, {int(line) for line in pathlib.Path(file.name).read_text().split()}
    return 0.0, None


def workdir(path):
    """The copy, where cargo would run its tests: beside the build."""
    scratch = next(parent for parent in pathlib.Path(path).parents if parent.name == "build")
    return scratch.parent / "tree"


def batches(site):
    """The tests that reach a place: of its room, then the quickest, in growing batches."""
    room = site.path.split("/")[1]
    near = [test for test in site.tests if test.binary == f"grange_{room}"]
    far = [test for test in site.tests if test not in near]
    limits = list(BATCHES_S)
    for group in (near, far):
        group = sorted(group, key=lambda test: (test.seconds > 1, test.binary, test.seconds))
        batch, spent = [], 0.0
        for test in group:
            limit = limits[0]
            if batch and (spent + test.seconds > limit or test.path != batch[0].path):
                yield batch
                batch, spent = [], 0.0
                limits = limits[1:] or limits
            batch.append(test)
            spent += test.seconds
        if batch:
            yield batch


def kill(site):
    """The test that noticed, and how; empty where none did."""
    for batch in batches(site):
        killer = run(batch, site.number)
        if killer:
            return killer
    return ""


def run(batch, number):
    """Runs a batch until a test fails, the process dies, or nothing is said for too long."""
    patience = HANGS_AFTER_S + 10 * max(test.seconds for test in batch)
    process = subprocess.Popen(
        [batch[0].path, "--exact", *(test.name for test in batch), "--test-threads=1"],
        env=environment(GRANGE_MUTANT=str(number)), cwd=workdir(batch[0].path),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    said, heard = "", time.monotonic()
    try:
        while True:
            ready, _, _ = select.select([process.stdout], [], [], 1)
            if ready:
                chunk = os.read(process.stdout.fileno(), 65536).decode(errors="replace")
                said, heard = said + chunk, time.monotonic()
                failed = first_failed(said)
                if failed:
                    return f"{batch[0].binary}::{failed}"
                if not chunk:
                    break
            elif time.monotonic() - heard > patience:
                return f"{batch[0].binary}::{last_begun(said)} (hangs)"
        if process.wait() != 0:
            return f"{batch[0].binary}::{last_begun(said)} (dies)"
        return ""
    finally:
        end(process)


def first_failed(said):
    for line in said.splitlines():
        if line.startswith("test ") and line.endswith("... FAILED"):
            return line[len("test ") : -len(" ... FAILED")]
    return None


def last_begun(said):
    begun = [line for line in said.splitlines() if line.startswith("test ") and " ... " in line]
    return begun[-1][len("test ") :].split(" ... ")[0] if begun else "before the first test"


def end(process):
    """The process and whatever it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    process.stdout.close()
