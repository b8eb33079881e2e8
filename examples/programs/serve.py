"""A server that takes its time to be ready, and says how far it is: for `07_readiness.py`."""

import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from regrow import child


class Health(BaseHTTPRequestHandler):
    """Answers every GET, at first that it cannot do anything yet."""

    opens_at = time.monotonic() + 0.5

    def do_GET(self) -> None:
        """Say how it is."""
        is_open = time.monotonic() > self.opens_at
        words = b"fine" if is_open else b"wait a moment"
        self.send_response(200 if is_open else 503)
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002  so it is called there
        """Nobody reads that."""


child.status("loading")
server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Health)
print("loaded", flush=True)
child.ready()
server.serve_forever()
