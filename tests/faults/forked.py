"""Workers that start at once: forked from a process that has imported all that they need."""

import multiprocessing
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.faults.orders import Orders
from tests.faults.worker import work
from tests.lane_world import Worker

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tests.faults.prepared"])


class Forked:
    """A forked process, with what a test asks of a Popen."""

    def __init__(self, process: Any) -> None:
        self._process = process

    def poll(self) -> int | None:
        """Give its exit code, None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it as kill -9 does, also while it is stopped."""
        self._process.kill()


class StruckWorker(Worker):
    """A worker that takes orders."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.orders = Orders(folder)
        self.may_end = False  # of itself, because of what was done to it
        super().__init__(folder, settings)

    def launched(self, environment: Mapping[str, str]) -> Forked:
        """Fork it."""
        self.log.touch()
        given = dict(environment)
        fetch = int(given.pop("PLAINSCORE_FETCH_MS"))
        stay = given.pop("PLAINSCORE_TOMBSTONES_STAY", None)
        arguments = (given, self.log, self.folder, fetch, stay and int(stay))
        process = _FORKING.Process(target=work, args=arguments)
        process.start()
        return Forked(process)
