"""The worker of the demo: a process of its own, to be killed and started again."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, TopicPartition

import streams
from streams.embedded import GUARD
from streams.errors import PlainscoreError
from streams.settings import PREFIX

GROUP = "plainscore"
_LOG = "worker.log"


class Worker:
    """`plainscore worker` on a broker, from `with` to its end; it does not outlive this process.

    `folder` takes its state and its log, and goes with this process if that dies.
    """

    def __init__(self, brokers: str, partitions: int, folder: Path) -> None:
        self._brokers = brokers
        self._numbers = range(partitions)
        self._folder = folder / "worker"  # the guard removes the folder above too, if empty
        self._guard: subprocess.Popen[bytes] | None = None
        self._positions = Consumer(
            {"bootstrap.servers": brokers, "group.id": GROUP, "log_level": 0}
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.kill()  # nothing of it is kept
        self._positions.close()

    def start(self) -> None:
        """Start the process; it needs some seconds until it scores."""
        self._folder.mkdir(exist_ok=True)
        with (self._folder / _LOG).open("ab") as log:
            self._guard = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", str(GUARD), str(self._folder)),
                    *(sys.executable, "-m", "streams", "worker"),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=Path(streams.__file__).parents[1],  # wherever it was installed to
                start_new_session=True,  # a Ctrl-C is for us to act on
            )

    def kill(self) -> None:
        """End it as `kill -9` does."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin
        with suppress(BrokenPipeError):  # it ended before we asked
            guard.stdin.write(b"kill\n")
            guard.stdin.close()
        guard.wait()

    def done(self, *topics: str) -> int:
        """How many records of these topics it has committed; they must hold whole records only.

        Raises PlainscoreError, with what it said last, if it is not there any more.
        """
        if self._guard is not None and self._guard.poll() is not None:
            raise PlainscoreError(
                f"The worker ended by itself: {self._said_last()}",
                next_step="Run the demo again with PLAINSCORE_DEBUG=1, and report this.",
            )
        asked = [TopicPartition(each, number) for each in topics for number in self._numbers]
        return sum(max(0, each.offset) for each in self._positions.committed(asked, timeout=10))

    def _environment(self) -> dict[str, str]:
        """Ours in place of all settings for other brokers and folders."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        ours = {
            "BROKERS": self._brokers,
            "GROUP": GROUP,
            "STATE_DIR": str(self._folder / "state"),
            "METRICS_PORT": "0",
        }
        return kept | {PREFIX + name: value for name, value in ours.items()}

    def _said_last(self) -> str:
        lines = (self._folder / _LOG).read_text(errors="replace").splitlines()
        errors = [line for line in lines if "error" in line.lower()]
        return (errors or lines or ["it said nothing"])[-1].strip()[:300]
