"""`plainscore worker`: score until stopped."""

import asyncio
import gc
import os
import signal
import socket
import threading
from functools import partial
from typing import Any

import structlog

from streams import logs, settings
from streams.errors import PlainscoreError

log = structlog.get_logger(__name__)

STOPPING = 30.0  # seconds for the running transaction to end


def worker() -> None:
    """Run a worker: it scores what is published, until SIGTERM or Ctrl-C."""
    from streams.app import make_app
    from streams.ready import Endpoint, Pulse, Readiness
    from streams.transport.check import check_topics
    from streams.transport.scorecards import Follower

    _end_at_sigterm()  # until the loop takes it over
    given = settings.load()
    logs.configure(given.log_level, as_json=given.log_json)
    readiness, pulse = Readiness("restored", "reading", "committing"), Pulse()
    with Endpoint(given.metrics_host, given.metrics_port, readiness, pulse) as endpoint:
        log.info("metrics_served", url=endpoint.url)
        partitions = check_topics(given.librdkafka, given.prefix, given.audiences)
        with Follower(given.librdkafka, given.prefix, given.horizon_days) as published:
            make = partial(make_app, given, partitions, published, readiness)
            asyncio.run(_run(make, pulse))


def _end_at_sigterm() -> None:
    """End at once at a SIGTERM, also within a call that waits for brokers.

    Nothing is held yet that would need an end of its own. Python would call a handler only after
    that call, and an exception raised there comes out of librdkafka's as another one.
    """
    ours, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.signal(signal.SIGTERM, lambda *_: None)  # else it would kill; the thread is told
    signal.set_wakeup_fd(wakeup.fileno())
    threading.Thread(
        target=_await_sigterm, args=(ours, wakeup), name="sigterm", daemon=True
    ).start()


def _await_sigterm(ours: socket.socket, _kept_open: socket.socket) -> None:
    while signal.SIGTERM not in ours.recv(16):  # numbers of signals, one byte each
        pass
    os._exit(0)


async def _run(make: Any, pulse: Any) -> None:
    """Run the app until a signal; what crashed it is raised."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = make()
    # Citizens, and a batch on its way, are many objects that make no cycles: the collector went
    # through all of them again and again, for a tenth of the time.
    gc.freeze()
    gc.set_threshold(1_000_000, 50, 100)
    beat = asyncio.ensure_future(pulse.beat())
    app.finalize()
    starting = asyncio.ensure_future(app.start())  # it ends when the first partitions are restored
    ends = [asyncio.ensure_future(each.wait()) for each in (stop, app._crashed)]
    try:
        await asyncio.wait([starting, *ends], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        log.info("worker_stopping")
    finally:
        try:
            await asyncio.wait_for(app.stop(), STOPPING)
        finally:
            for each in (starting, *ends, beat):
                each.cancel()
    crashed = app.crash_reason
    if isinstance(crashed, PlainscoreError):
        raise crashed
    if crashed is not None:
        raise RuntimeError("the worker crashed") from crashed
