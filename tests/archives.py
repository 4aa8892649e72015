"""A web server on this machine, for tests of downloads, that can be as unreliable as others are."""

import contextlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Server:
    """Serves `files`, {path: bytes}, below `base`; and what it does wrong."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    """Whether parts of files are sent."""
    tag: str | None = '"1"'
    """The ETag of every file."""
    breaks: dict[str, list[int]] = field(default_factory=dict)
    """After how many bytes the connection breaks, of each answer for a path in turn."""
    answers: dict[str, list[int]] = field(default_factory=dict)
    """Status codes that come first, of each request for a path in turn."""
    lengths: dict[str, int] = field(default_factory=dict)
    """Bytes that are announced, where they are not those of the file."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Range) of each request."""
    sent: int = 0
    """Bytes of contents that went out."""
    base: str = ""


@contextlib.contextmanager
def serving():
    """A `Server` that runs."""
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path = self.path
            wanted = self.headers.get("Range") if served.ranges else None
            served.asked.append((path, self.headers.get("Range")))
            if served.answers.get(path):
                return self.send(served.answers[path].pop(0), b"")
            if path not in served.files:
                return self.send(404, b"<html>not here</html>")
            content = served.files[path]
            span = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
            if span and self.headers.get("If-Range", served.tag) == served.tag:
                start, stop = int(span[1]), min(len(content), int(span[2] or len(content)) + bool(span[2]))
                if start >= len(content):
                    return self.send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return self.send(206, content[start:stop], {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"})
            return self.send(200, content)

        do_HEAD = do_GET

        def send(self, code, content, headers={}):  # noqa: B006
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            if served.tag and code in (200, 206):
                self.send_header("ETag", served.tag)
            self.send_header("Content-Length", str(served.lengths.get(self.path, len(content))))
            self.end_headers()
            breaks = served.breaks.get(self.path)
            if breaks and code in (200, 206):
                content, self.close_connection = content[: breaks.pop(0)], True
            with contextlib.suppress(ConnectionError):
                self.wfile.write(content)
                served.sent += len(content)

        def log_message(self, *arguments):
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request, address):
            pass

    with Quiet(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        served.base = f"http://127.0.0.1:{server.server_port}"
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
