"""Counts visitors in redis, and puts what is posted to /jobs into a queue there."""
import http.server
import os
import socket


def redis(*words):
    """One command of redis, by its own protocol (RESP), and the answer as text."""
    host, port = os.environ["REDIS"].rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=2) as connection:
        encoded = [word.encode() for word in words]
        request = b"*%d\r\n" % len(encoded)
        request += b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        connection.sendall(request)
        return connection.makefile("rb").readline().decode().strip()[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, code, text):
        body = (text + "\n").encode()
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/healthz":
            return self.answer(200, "ok")
        try:
            count = redis("INCR", "visitors")
        except OSError as error:
            return self.answer(503, f"redis: {error}")
        self.answer(200, f"visitor {count}, answered by {os.environ['GRANGE_SERVER']}")

    def do_POST(self):
        job = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        try:
            waiting = redis("LPUSH", "jobs", job)
        except OSError as error:
            return self.answer(503, f"redis: {error}")
        self.answer(202, f"{waiting} waiting")


address = (os.environ["ADDRESS"], int(os.environ["PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
