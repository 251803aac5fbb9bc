"""An appliance as its users meet it: the built binary, its unix socket, its command line."""

import http.client
import json
import os
import resource
import socket
import subprocess
import time

from measure import end, free_port, milliseconds_until


class Appliance:
    """`grange serve` over a data directory of its own."""

    def __init__(self, binaries, directory, onboard=True):
        self.binary = os.path.join(binaries, "grange")
        self.helper = os.path.join(binaries, "examples", "footprint")
        self.data = directory
        os.makedirs(directory, exist_ok=True)
        self.socket = os.path.join(directory, "run", "api.sock")
        self.agents = free_port()
        self.config = os.path.join(directory, "grange.toml")
        # Servers on this machine reach the agents' port over their bridge.
        with open(self.config, "w") as file:
            file.write(f'data_dir = "{directory}"\n[listen]\n')
            file.write(f'https = "127.0.0.1:{free_port()}"\n')
            file.write(f'agents = "{"0.0.0.0" if onboard else "127.0.0.1"}:{self.agents}"\n')
            file.write(f"[onboard]\nenabled = {str(onboard).lower()}\n")
        self.process = None

    def start(self):
        """Milliseconds from nothing to the first correct answer of its status."""
        begun = time.monotonic()
        log = open(os.path.join(self.data, "log"), "ab")
        self.process = subprocess.Popen(
            [self.binary, "serve", "--config", self.config],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=as_a_login,
        )
        log.close()
        return milliseconds_until("the appliance is ready", self.answers, begun)

    def stop(self):
        if self.process is not None:
            end(self.process)
            self.process = None

    def remove(self):
        """Ends it, and takes its servers and what they stood on off the machine."""
        self.stop()
        subprocess.run([self.helper, "clear", self.data], check=True)

    def get(self, path):
        """What the API answers to a GET, below the environment."""
        connection = SocketConnection(self.socket)
        try:
            connection.request("GET", f"/api/v1beta0/user/1/{path}")
            answer = connection.getresponse()
            assert answer.status == 200, f"{answer.status} for {path}: {answer.read()}"
            return json.load(answer)["data"]
        finally:
            connection.close()

    def answers(self):
        """Whether it answers, and rightly."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the appliance ended; see {self.data}/log")
        try:
            return "version" in self.get("grange/status/")
        except OSError:
            return False

    def command(self, *words, stdin=None):
        """Runs a command of the command line."""
        subprocess.run(
            [self.binary, "--socket", self.socket, *words],
            input=stdin, text=True, check=True, stdout=subprocess.DEVNULL,
        )

    def declare(self, farm, role, low, high):
        """A farm of one farm role of the smallest servers, with an agent and nothing else."""
        self.command("apply", "--yes", "--file", "-", stdin=f"""
farm: {farm}
farmRoles:
  - alias: {role}
    role: base
    cloudPlatform: onboard
    instanceType: nano
    scaling: {{minInstances: {low}, maxInstances: {high}}}
""")

    def running(self):
        """Ids of the servers that run."""
        return [server["id"] for server in self.get("servers/") if server["status"] == "running"]

    def journal(self):
        """Every entry of the journal."""
        entries, after = [], 0
        while page := self.get(f"grange/events/?after={after}&max=100"):
            entries.extend(page)
            after = page[-1]["seq"]
        return entries

    def launches(self):
        """Of each launched server: milliseconds of the call, and from its begin to running."""
        begun, calls, running = {}, [], []
        for entry in self.journal():
            verb, about, at = entry["verb"], entry["about"], entry["at"]
            if verb == "step.begin":
                begun[about] = at
            elif verb == "step.finish":
                calls.append(at - begun[about])
            elif verb in ("agent.hello", "agent.ready"):
                running.append(at - begun[about])
        return calls, running


def as_a_login():
    """What a login allows; the appliance asks for more by itself."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most))


class SocketConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def agents_of(servers):
    """Process ids of the agents of these servers."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline") as file:
                words = file.read().split("\0")
            with open(f"/proc/{entry}/environ") as file:
                environment = file.read().split("\0")
        except OSError:
            continue
        theirs = any(f"GRANGE_SERVER={server}" in environment for server in servers)
        if theirs and "agent" in words[1:2]:
            found.append(int(entry))
    return found
