"""Works off the list "jobs" in redis; what came of each goes to the list "done"."""
import os
import signal
import socket
import time

stopping = False


def stop(*_):
    global stopping
    stopping = True


def redis(*words):
    """One command of redis, by its own protocol (RESP), and the answer as text, or None."""
    host, port = os.environ["REDIS"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        encoded = [word.encode() for word in words]
        request = b"*%d\r\n" % len(encoded)
        request += b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        connection.sendall(request)
        answer = connection.makefile("rb")
        head = answer.readline().decode().strip()
        if not head.startswith("$"):
            return head[1:]
        length = int(head[1:])
        return answer.read(length).decode() if length >= 0 else None


signal.signal(signal.SIGTERM, stop)
while not stopping:
    try:
        job = redis("RPOP", "jobs")
        if job is None:
            time.sleep(0.2)
            continue
        redis("LPUSH", "done", f"{job} by {os.environ['GRANGE_SERVER']}")
        print(f"done: {job}")
    except OSError as error:
        print(f"redis: {error}")
        time.sleep(1)
