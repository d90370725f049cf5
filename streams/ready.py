"""What a worker says of itself over HTTP: /livez, /readyz and /metrics, on a port of its own.

The server runs in its own threads, so that it still answers, with a 503, when the event loop hangs.
"""

import asyncio
import json
import socketserver
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import disable_created_metrics, make_wsgi_app

from streams import metrics
from streams.errors import BadUsage

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

STALLED_AFTER = 30.0  # s without a beat; a restart helps then, and a long pause alone is shorter


class Readiness:
    """Named conditions that a worker waits for; it is ready when all of them hold."""

    def __init__(self, *names: str) -> None:
        self._unmet = dict.fromkeys(names, "not yet")
        self._lock = threading.Lock()
        for name in names:
            metrics.ready.labels(name).set(0)

    def set(self, name: str, holds: bool, detail: str = "") -> None:
        """Say whether a condition holds; detail: what is missing, for the person who asks."""
        with self._lock:
            if holds:
                self._unmet.pop(name, None)
            else:
                self._unmet[name] = detail
        metrics.ready.labels(name).set(holds)

    def unmet(self) -> dict[str, str]:
        """List what the worker still waits for, with the details; empty when it is ready."""
        with self._lock:
            return dict(self._unmet)


class Pulse:
    """Tells whether the event loop still moves."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    async def beat(self) -> NoReturn:
        """Run as a task of the loop that is to be watched."""
        while True:
            self._last = time.monotonic()
            await asyncio.sleep(1)

    def silence(self) -> float:
        """Seconds since the last beat."""
        return time.monotonic() - self._last


class Endpoint:
    """The HTTP server; a context manager. Port 0 takes any free one: see `url`."""

    def __init__(self, host: str, port: int, readiness: Readiness, pulse: Pulse) -> None:
        self._readiness = readiness
        self._pulse = pulse
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the series
        self._metrics = make_wsgi_app(metrics.REGISTRY)
        try:
            self._server = _Server((host, port), _Quiet)
        except OSError as problem:
            raise BadUsage(
                f"The metrics port {port} cannot be opened: {problem.strerror}",
                where=f"PLAINSCORE_METRICS_HOST={host} PLAINSCORE_METRICS_PORT={port}",
                next_step="Stop what uses it, or set another port (0 takes any free one), and an"
                " address of this machine.",
            ) from problem
        self._server.set_app(self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics")
        self._thread.daemon = True

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/metrics":
                samples: Iterable[bytes] = self._metrics(environ, start)
                return samples
            case "/livez":
                silence = self._pulse.silence()
                alive = silence < STALLED_AFTER
                return _json(start, alive, {"alive": alive, "silent_seconds": round(silence, 1)})
            case "/readyz":
                unmet = self._readiness.unmet()
                return _json(start, not unmet, {"ready": not unmet, "waits_for": unmet})
            case _:
                start("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
                return [b"There are /livez, /readyz and /metrics.\n"]


def _json(start: "StartResponse", good: bool, body: dict[str, object]) -> Iterable[bytes]:
    status = "200 OK" if good else "503 Service Unavailable"
    start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps(body).encode() + b"\n"]


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        # HTTPServer's own asks DNS for this machine's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _Quiet(WSGIRequestHandler):
    timeout = 10  # s; a client that says nothing frees its thread

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds: nothing to log."""
