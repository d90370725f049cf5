"""`plainscore worker` in a process of its own, with places at which it can be struck.

Nothing in streams/ knows of this: the functions that make up the lane's six steps are wrapped
before the command line's own `main` is called. Importing this module imports all that a worker
needs.
"""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

import streams.agents
import streams.app
import streams.partitions
import streams.process.batch
import streams.process.ticks
import streams.ready
import streams.tables.partition
import streams.transport.check
import streams.transport.lane
import streams.transport.scorecards
from streams.cli.main import main
from streams.tables.partition import PartitionStore
from tests.faults.orders import Orders
from tests.lane_world import die_with_us

STRUCK = 86  # the exit code of a worker that was told to crash
STEPS = ("begin", "process", "flush", "offsets", "commit", "write")
SESSION_MS = 2_500  # a dead member is missed so soon: 6 s take too long for many tests
TRANSACTION_MS = 4_000  # as long a successor waits for what a dead one left open
MEMTABLE = 64 * 1024  # bytes, the least that RocksDB takes: what is scored in seconds is to lie in
MEMTABLES = 6 * MEMTABLE  # files, whose rows and offsets a crash then finds there from many batches
SHORT = 0.005  # seconds: about as long as a step takes
PIECE = 10  # ledger entries, and half as many citizens: small histories have work in pieces too


class Places:
    """Where an order can reach the worker."""

    def __init__(self, folder: Path) -> None:
        self._orders = Orders(folder)
        self._clock_ahead = 0.0

    def around(self, step: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Make a call; before, during and after it an order may stop the process, or end it."""
        self._reach(f"{step}:before")
        if self._orders.take(f"{step}:during"):
            threading.Timer(random.uniform(0, SHORT), os._exit, [STRUCK]).start()
        result = call(*arguments)
        self._reach(f"{step}:after")
        return result

    def _reach(self, moment: str) -> None:
        action = self._orders.take(moment)
        if action == "crash":
            os._exit(STRUCK)
        if action == "sleep":
            os.kill(os.getpid(), signal.SIGSTOP)
        if action == "lose":
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer came"))
        if action is not None and action.startswith("clock"):
            self._clock_ahead += float(action.removeprefix("clock"))

    def clock(self, read: Callable[[], Any], unit: int) -> Callable[[], Any]:
        """Give a clock that jumps when it is told to."""
        return lambda: read() + type(read())(self._clock_ahead * unit)


def wrap(places: Places, fetch_ms: int, tombstones_stay: int | None) -> None:
    """Put the places in; tombstones_stay: ms, where the changelogs' tombstones go so soon."""
    around, transport = places.around, streams.transport.lane

    class Producer(confluent_kafka.Producer):
        def begin_transaction(self) -> None:
            around("begin", super().begin_transaction)

        def flush(self, *arguments: Any) -> int:
            return around("flush", super().flush, *arguments)

        def send_offsets_to_transaction(self, *arguments: Any) -> None:
            around("offsets", super().send_offsets_to_transaction, *arguments)

        def commit_transaction(self, *arguments: Any) -> None:
            around("commit", super().commit_transaction, *arguments)

    process, write_stores, write = (
        streams.agents.process,
        transport.write_stores,
        PartitionStore._write,
    )
    writing = False

    def write_all(parts: Any) -> None:
        nonlocal writing
        writing = True
        write_stores(parts)
        writing = False

    def write_one(*arguments: Any) -> None:
        around("write" if writing else "restore", write, *arguments)

    transport.Producer = Producer
    streams.agents.process = lambda *arguments: around("process", process, *arguments)
    transport.write_stores = write_all
    PartitionStore._write = write_one
    time.time, time.time_ns = places.clock(time.time, 1), places.clock(time.time_ns, 10**9)
    _hasten(fetch_ms, tombstones_stay)


def _hasten(fetch_ms: int, tombstones_stay: int | None) -> None:
    """Make what takes long short, and the broker less busy; no meaning depends on it."""
    of_consumer, of_producer = streams.app.consumer_config, streams.app.producer_config
    of_memory = streams.app.split
    of_group = {
        "session.timeout.ms": SESSION_MS,
        "heartbeat.interval.ms": SESSION_MS // 5,
        "fetch.wait.max.ms": fetch_ms,
    }
    streams.app.consumer_config = lambda *given: of_consumer(*given) | of_group
    streams.app.producer_config = lambda *given: (
        of_producer(*given) | {"transaction.timeout.ms": TRANSACTION_MS}
    )
    streams.app.split = lambda *given: replace(
        of_memory(*given), memtable=MEMTABLE, memtables=MEMTABLES
    )
    streams.process.batch.ROWS_A_BATCH = PIECE
    streams.process.ticks.CITIZENS_A_BATCH = PIECE // 2
    if tombstones_stay is not None:
        streams.partitions.TOMBSTONES_STAY = tombstones_stay


def work(
    environment: Mapping[str, str],
    log: Path,
    folder: Path,
    fetch_ms: int,
    tombstones_stay: int | None,
) -> None:
    """Be a worker, in a process that was made for it."""
    die_with_us()
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    wrap(Places(folder), fetch_ms, tombstones_stay)
    sys.argv = ["plainscore", "worker"]
    sys.exit(main())
