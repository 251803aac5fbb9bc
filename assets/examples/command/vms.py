#!/usr/bin/env python3
"""Servers as processes of this machine, each with an address of the loopback network of its own.

Shows what programs of the command platform are told and are to print. A request comes as JSON on
standard input, and most of it as GRANGE_ variables too; an answer is JSON, in any shape, since the
file of programs says by paths where what is in it. Exit 0: done. 75: not now, nothing happened.
69: no room. 77: not allowed. 74: nobody knows what came of it. Any other: it certainly did not
happen, and the first line of standard error says why.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

BASE = pathlib.Path(os.environ.get("VMS_DIR", "/var/lib/grange-vms"))
AGENT = os.environ.get("VMS_AGENT", "/usr/bin/grange-agent")


def path(vm):
    return BASE / vm


def read(vm):
    return json.loads((path(vm) / "vm.json").read_text())


def vms():
    return sorted(p.name for p in BASE.glob("vm-*") if (p / "vm.json").exists())


def state(vm):
    """By its process: a group of its own, asleep when it is stopped by a signal."""
    try:
        pid = int((path(vm) / "pid").read_text())
        letter = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, ValueError):
        return "stopped"
    return {"T": "suspended", "Z": "stopped", "X": "stopped"}.get(letter, "running")


def send(vm, number):
    try:
        os.killpg(int((path(vm) / "pid").read_text()), number)
    except (OSError, ValueError):
        pass


def wait(vm, wanted):
    for _ in range(200):
        if state(vm) == wanted:
            return
        time.sleep(0.02)
    sys.exit(f"{vm} does not come to be {wanted}")


def begin(vm):
    """Starts its agent, below a home of its own, or what it runs without one."""
    home, about = path(vm), read(vm)
    argv = about["command"] or ["/bin/sleep", "2147483647"]
    if about["agent"]:
        argv = [AGENT, "--config", str(home / "agent.json")]
    environment = {
        "PATH": os.environ["PATH"],
        "GRANGE_HOME": str(home),
        "GRANGE_RUN": str(home / "run"),
        "GRANGE_ADDRESS": about["address"],
    }
    (home / "run").mkdir(exist_ok=True)
    log = open(home / "log", "ab")
    # In a group of its own and without our output, so that it outlives this program.
    process = subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True,
    )
    (home / "pid").write_text(str(process.pid))


def shown(vm):
    about = read(vm)
    return {
        "InstanceId": vm,
        "PrivateIpAddress": about["address"],
        "State": {"Name": state(vm)},
        "Tags": [
            {"Key": "grange.server", "Value": about["server"]},
            {"Key": "grange.appliance", "Value": about["appliance"]},
        ],
    }


def launch(request):
    vm = "vm-" + request["server"][:8]
    taken = {read(other)["address"] for other in vms()}
    address = next(a for n in range(1, 250) if (a := f"127.77.0.{n}") not in taken)
    home = path(vm)
    home.mkdir(parents=True)
    user_data = request["userData"]
    # It has a token in it that lets its bearer in.
    file = os.open(home / "agent.json", os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(file, "w") as out:
        json.dump(user_data, out)
    about = {
        "server": request["server"],
        "appliance": request["appliance"],
        "address": address,
        "agent": user_data is not None,
        "command": request["command"],
    }
    (home / "vm.json").write_text(json.dumps(about))
    begin(vm)
    print(json.dumps({"Instances": [shown(vm)]}))


def main():
    verb = sys.argv[1]
    request = json.load(sys.stdin)
    if verb == "launch":
        return launch(request)
    if verb == "list":
        return print(json.dumps({"Reservations": [{"Instances": [shown(vm) for vm in vms()]}]}))
    vm = request["cloudId"]
    if verb in ("terminate", "stop", "reboot"):
        send(vm, signal.SIGKILL)
        wait(vm, "stopped")
    if verb == "terminate":
        shutil.rmtree(path(vm), ignore_errors=True)
    if verb in ("start", "reboot"):
        begin(vm)
    if verb == "suspend":
        send(vm, signal.SIGSTOP)
        wait(vm, "suspended")
    if verb == "resume":
        send(vm, signal.SIGCONT)


main()
