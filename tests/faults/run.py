"""One schedule, carried out: workers that are struck while a history is published."""

import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

from confluent_kafka.admin import AdminClient

from streams.embedded import Broker
from tests.faults import checks
from tests.faults.forked import StruckWorker
from tests.faults.history import published
from tests.faults.schedule import Schedule
from tests.faults.wire import Wire
from tests.faults.worker import STRUCK
from tests.lane_world import PARTITIONS, World, check

LONG = 60.0  # seconds in which anything that is waited for must come
STEP = 0.03  # seconds between two looks
PATIENT = 0.2  # seconds between two ticks that keep workers busy when all has been sent


class Run:
    """The world of a schedule: its workers by name, and what is left to send."""

    wire: Wire  # between worker "a" and the broker, where it will be cut

    def __init__(
        self, schedule: Schedule, brokers: str, cluster: Broker | None, folder: Path
    ) -> None:
        self.schedule = schedule
        self.cluster = cluster
        self.random = Random(f"{schedule.seed} run")
        self.published = published(schedule.seed)
        self.struck: Counter[str] = Counter()
        self.workers: dict[str, StruckWorker] = {}
        self.ended: list[StruckWorker] = []
        self.settings: dict[str, dict[str, str]] = {}  # of the workers of a name, beyond the usual
        self.tombstones_stay: int | None = None  # ms, where logs are compacted meanwhile
        self.spoiled: set[Path] = set()  # folders with files that were cut short or overwritten
        self.closing = ExitStack()  # what must outlive the workers
        self._sent = 0
        self._share = 0.0
        self._ticked = 0.0
        name = f"f{schedule.seed}-{uuid4().hex[:4]}"
        self.admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
        self.world = World(brokers, f"{name}.", folder, group=name, starting=StruckWorker)

    # ---- workers

    def start(self, name: str) -> StruckWorker:
        """Start a worker; its state is where those of its name had it."""
        settings = {
            "COMMIT_MS": str(self.schedule.commit_ms),
            "FETCH_MS": str(self.schedule.fetch_ms),
            **self.settings.get(name, {}),
        }
        if self.tombstones_stay is not None:
            settings["TOMBSTONES_STAY"] = str(self.tombstones_stay)
        worker = self.world.worker(name, **settings)
        assert isinstance(worker, StruckWorker)
        self.workers[name] = worker
        return worker

    def some_are_ready(self) -> bool:
        """Whether a worker has read its partitions."""
        return any(worker.events("worker_ready") for worker in self.workers.values())

    def pick(self) -> str:
        """Choose one of the workers; gives its name."""
        return self.random.choice(sorted(self.workers))

    def company(self) -> None:
        """See that at least two workers are in the group, and nobody else.

        The history waits for that: what strikes them then must find them at work.
        """
        share, self._share = self._share, 0.0
        if len(self.workers) == 1:
            self.start("b" if "a" in self.workers else "a")
        self.until(lambda: self.members() == len(self.workers), "all are in the group")
        self._share = share

    def members(self) -> int:
        """How many members the group has."""
        name = self.world.group
        (found,) = self.admin.describe_consumer_groups([name], request_timeout=30).values()
        return len(found.result().members)

    def gone(self, name: str) -> StruckWorker:
        """Take out of account a worker that has ended, or is to be ended."""
        worker = self.workers.pop(name)
        self.ended.append(worker)
        return worker

    def kill(self, name: str) -> None:
        """End a worker as kill -9 does."""
        self.gone(name).kill()

    def stop(self, name: str) -> None:
        """Have a worker leave as it does when it is told to."""
        worker = self.workers[name]
        self.until(lambda: worker.events("metrics_served"), "it can be told")
        self.gone(name).stop(30)

    def order(self, name: str, order: str) -> None:
        """Give an order to a worker, and wait until it is carried out."""
        orders, before = self.workers[name].orders, len(self.workers[name].orders.struck())
        orders.give(order)
        self.workers[name].may_end = order.startswith("crash")
        self.until(lambda: len(orders.struck()) > before, order)
        if order.startswith("crash"):
            self.until(self.workers[name].ended, "it has crashed")
            assert self.gone(name).process.poll() == STRUCK

    def successor(self, name: str) -> None:
        """Start the worker that follows on one that has ended, mostly in the same folder."""
        same = self.random.random() < 0.75
        self.start(name if same else f"{name}+")

    # ---- what is sent

    def open_share(self, share: float) -> None:
        """Let so much of the history be sent, from its beginning."""
        self._share = share

    def send_to(self, share: float) -> None:
        """Send so much of the history before going on."""
        self.open_share(share)
        self.until(lambda: self._sent >= share * len(self.published.pieces), "so much is sent")

    def until(self, condition: Callable[[], Any], what: str, seconds: float = LONG) -> None:
        """Send on until something holds; no worker may end that nobody has struck."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
            self.look_after()
            self._send_next()
            time.sleep(STEP)

    def elapsed(self, seconds: float) -> Callable[[], bool]:
        """Give a condition that holds after so many seconds."""
        deadline = time.monotonic() + seconds
        return lambda: time.monotonic() > deadline

    def all_go_on(self) -> Callable[[], bool]:
        """Give a condition that holds once more was committed in every partition."""
        before = self._ticks_committed()
        return lambda: all(
            now > was for now, was in zip(self._ticks_committed(), before, strict=True)
        )

    def _ticks_committed(self) -> list[int]:
        committed = self.world.committed()
        return [committed["ticks", number] for number in range(PARTITIONS)]

    def look_after(self) -> None:
        """Assert that no worker has ended that was not struck."""
        for name, worker in self.workers.items():
            code = worker.process.poll()
            said = worker.said()[-3_000:] if code is not None else ""
            assert code is None or worker.may_end, f"{name} ended with {code} unasked: {said}"

    def _send_next(self) -> None:
        pieces = self.published.pieces
        if self._sent < self._share * len(pieces):
            self.world.send(pieces[self._sent])
            self._sent += 1
        elif time.monotonic() - self._ticked > PATIENT:
            self._ticked = time.monotonic()
            self.world.send(self.published.idle)

    # ---- the end

    def finish(self) -> None:
        """Send the rest, wait until it is worked off, and check all that must hold."""
        self.send_to(1)
        self.world.send(self.published.last)
        if not self.workers:
            self.start("a")
        self.world.wait_done(LONG)
        self.until(self._settled, "all is settled")
        self.look_after()
        seen = self.world.wait_done(LONG)
        check(self.world, seen)
        checks.check_logs(seen, self.published)
        for name in sorted(self.workers):
            self.stop(name)
        checks.check_no_open_transaction(self.admin, self.world.prefix)
        assert not self.world.left()
        seen = self.world.seen()
        folders = sorted(self.world.folder.glob("*/state/*/partition-*"))
        assert len(folders) >= PARTITIONS
        for path in folders:
            checks.check_folder(
                path,
                seen,
                compacted=self.tombstones_stay is not None,
                spoiled=path in self.spoiled,
            )

    def _settled(self) -> bool:
        return checks.settled(self.world.seen(), self.published.now)

    def close(self) -> None:
        """End what still runs."""
        for worker in self.world.workers:
            if not worker.ended():
                worker.process.send_signal(signal.SIGCONT)
                worker.kill()
        self.closing.close()


@contextmanager
def running(schedule: Schedule, brokers: str, cluster: Broker | None) -> Iterator[Run]:
    """Give the world of a schedule, ready to begin; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="plainscore-faults-") as folder:
        run = Run(schedule, brokers, cluster, Path(folder))
        with run.world:
            try:
                yield run
            finally:
                run.close()
                _delete_topics(run.admin, run.world.prefix)


def _delete_topics(admin: AdminClient, prefix: str) -> None:
    """Give the broker its room back: it holds the topics of many schedules."""
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    for future in admin.delete_topics(names, request_timeout=30).values():
        future.result()
