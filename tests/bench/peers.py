"""What a site of this kind runs today: MariaDB, RabbitMQ with MQTT, and InfluxDB, from Debian.

Each is started by hand as its package would, with a data directory of its own and on loopback
alone. Ready is the first correct answer of its own protocol.
"""

import http.client
import os
import re
import selectors
import shutil
import socket
import struct
import subprocess
import time

from measure import end, free_port, milliseconds_until, until

PACKAGES = ["mariadb-server", "rabbitmq-server", "influxdb"]


class Peer:
    """A service: how it is prepared, started, asked whether it is ready, and ended."""

    name = user = ""

    def __init__(self, directory):
        self.dir = directory
        self.processes = []
        os.makedirs(directory)
        shutil.chown(directory, self.user)

    def command(self):
        raise NotImplementedError

    def environment(self):
        return {}

    def under(self):
        """Words before its command, as root."""
        return []

    def prepare(self):
        """What has to be done once, before the first start."""

    def answers(self):
        raise NotImplementedError

    def launch(self):
        """Starts it without waiting; the moment it began."""
        begun = time.monotonic()
        log = open(os.path.join(self.dir, "log"), "ab")
        become = [*self.under(), "setpriv", "--reuid", self.user, "--regid", self.user, "--clear-groups"]
        for command in self.command():
            self.processes.append(
                subprocess.Popen(
                    become + command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **self.environment()},
                )
            )
        log.close()
        return begun

    def start(self):
        """Milliseconds from nothing to ready."""
        begun = self.launch()
        return milliseconds_until(f"{self.name} is ready", self.ready, begun)

    def first_start(self):
        """Milliseconds from an empty directory to ready."""
        begun = time.monotonic()
        self.prepare()
        self.launch()
        return milliseconds_until(f"{self.name} is ready", self.ready, begun)

    def ready(self):
        if any(process.poll() is not None for process in self.processes):
            raise RuntimeError(f"{self.name} ended; see {self.dir}/log")
        return self.answers()

    def stop(self):
        for process in reversed(self.processes):
            end(process)
        self.processes = []


class MariaDb(Peer):
    name, user = "mariadb", "mysql"

    def __init__(self, directory):
        super().__init__(directory)
        self.port = free_port()
        self.data = os.path.join(directory, "data")

    def prepare(self):
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", "--user=mysql", "--skip-test-db",
             f"--datadir={self.data}"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    def command(self):
        paths = [f"--{what}={self.dir}/{what}" for what in ("socket", "pid-file")]
        return [["mariadbd", "--no-defaults", f"--datadir={self.data}", f"--port={self.port}",
                 "--bind-address=127.0.0.1", *paths]]

    def answers(self):
        """Its greeting: a packet of protocol version 10."""
        greeting = exchange(self.port, b"")
        return len(greeting) > 4 and greeting[4] == 10


class RabbitMq(Peer):
    name, user = "rabbitmq", "rabbitmq"

    def __init__(self, directory):
        super().__init__(directory)
        self.amqp, self.mqtt, self.mapper, self.cluster = (free_port() for _ in range(4))
        with open(os.path.join(directory, "rabbitmq.conf"), "w") as file:
            file.write(f"listeners.tcp.1 = 127.0.0.1:{self.amqp}\n")
            file.write(f"mqtt.listeners.tcp.1 = 127.0.0.1:{self.mqtt}\n")
            file.write("mqtt.allow_anonymous = true\n")
        with open(os.path.join(directory, "plugins"), "w") as file:
            file.write("[rabbitmq_mqtt].\n")

    def environment(self):
        own = {
            "HOME": self.dir,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.mapper),
            "RABBITMQ_NODENAME": "grange-bench@localhost",
            "RABBITMQ_DIST_PORT": str(self.cluster),
            "RABBITMQ_CONFIG_FILE": f"{self.dir}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self.dir}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{self.dir}/mnesia",
            "RABBITMQ_LOG_BASE": f"{self.dir}/logs",
            "RABBITMQ_PID_FILE": f"{self.dir}/pid",
        }
        return own

    def command(self):
        # Its port mapper would put itself in the background; started by us, it is ours to end.
        return [["epmd"], ["/usr/lib/rabbitmq/bin/rabbitmq-server"]]

    def answers(self):
        return exchange(self.mqtt, mqtt_connect("ready"))[:1] == b"\x20"


class InfluxDb(Peer):
    name, user = "influxdb", "influxdb"

    def __init__(self, directory):
        super().__init__(directory)
        self.http = free_port()
        with open(os.path.join(directory, "influxdb.conf"), "w") as file:
            file.write("reporting-disabled = true\n")
            file.write(f'bind-address = "127.0.0.1:{free_port()}"\n')
            file.write(f'[meta]\ndir = "{directory}/meta"\n')
            file.write(f'[data]\ndir = "{directory}/data"\nwal-dir = "{directory}/wal"\n')
            file.write(f'[http]\nbind-address = "127.0.0.1:{self.http}"\n')

    def command(self):
        return [["influxd", "-config", f"{self.dir}/influxdb.conf"]]

    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.http, timeout=5)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 204
        except OSError:
            return False
        finally:
            connection.close()


def exchange(port, request):
    """Says something on a new connection and returns the first of what comes back."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(request)
            return connection.recv(256)
    except OSError:
        return b""


def mqtt_connect(client):
    """CONNECT of MQTT 3.1.1: clean session, keep-alive 300 s."""
    name = client.encode()
    body = b"\x00\x04MQTT\x04\x02" + struct.pack(">HH", 300, len(name)) + name
    return bytes([0x10, len(body)]) + body


def mqtt_subscribe(topic):
    name = topic.encode()
    body = b"\x00\x01" + struct.pack(">H", len(name)) + name + b"\x01"
    return bytes([0x82, len(body)]) + body


def idle_clients(port, count):
    """Connects clients that subscribe to a topic of their own and then say nothing."""
    clients = []
    selector = selectors.DefaultSelector()
    for number in range(count):
        client = socket.create_connection(("127.0.0.1", port), timeout=60)
        clients.append(client)
        client.sendall(mqtt_connect(f"agent-{number}"))
        assert client.recv(4) == b"\x20\x02\x00\x00", "not accepted"
        client.sendall(mqtt_subscribe(f"servers/{number}/orders"))
        selector.register(client, selectors.EVENT_READ)
    waiting = {client.fileno() for client in clients}

    def subscribed():
        for key, _ in selector.select(timeout=0.1):
            waiting.discard(key.fd)
            selector.unregister(key.fileobj)
        return not waiting

    until("every client is subscribed", subscribed, 120)
    return clients


def installed_megabytes():
    """What the three add to a minimal Debian: their packages and all that these depend on, less
    what is there without them. Recommended packages are left out."""
    packages = dpkg_status()
    minimal = [name for name, entry in packages.items()
               if entry.get("Essential") == "yes" or
               entry.get("Priority") in ("required", "important")]
    added = closure(packages, PACKAGES) - closure(packages, minimal)
    return sum(int(packages[name].get("Installed-Size", 0)) for name in added) * 1024 / 1e6


def dpkg_status():
    """The installed packages by name, and by what they provide."""
    packages, provided = {}, {}
    with open("/var/lib/dpkg/status") as file:
        for block in file.read().split("\n\n"):
            entry = dict(re.findall(r"^([A-Za-z-]+): (.*)$", block, re.MULTILINE))
            if not entry.get("Status", "").endswith(" installed"):
                continue
            packages[entry["Package"]] = entry
            for name in names(entry.get("Provides", "")):
                provided.setdefault(name[0], entry)
    return {**provided, **packages}


def names(relation):
    """`a (>= 1) | b, c` as [[a, b], [c]]."""
    groups = [group.split("|") for group in relation.split(",") if group.strip()]
    return [[re.split(r"[ (:]", name.strip())[0] for name in group] for group in groups]


def closure(packages, begin):
    found, waiting = set(), list(begin)
    while waiting:
        entry = packages.get(waiting.pop())
        if entry is None or entry["Package"] in found:
            continue
        found.add(entry["Package"])
        for field in ("Depends", "Pre-Depends"):
            for group in names(entry.get(field, "")):
                # Of alternatives the first that is here: that is the one apt chose.
                waiting.extend([name for name in group if name in packages][:1])
    return found
