"""A process under measure: what it says, what it costs, and its end. Linux alone, by /proc."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from streams.embedded import Broker
from streams.errors import PlainscoreError

LOOK_SECONDS = 0.05  # to ask costs the broker something, too
STOP_SECONDS = 60.0
# Who has used less of a processor for so long stands still: idle, the ways use up to 0.02, and
# who waits for the group to forget a former member waits for a minute.
STILL_SECONDS = 120.0
STILL = 0.05
PR_SET_PDEATHSIG = 1
_TICKS = os.sysconf("SC_CLK_TCK")


class StoodStill(PlainscoreError):
    """A process under measure does nothing, and what it should do is not done."""


class Process:
    """A Python module running as a process of its own, from `with` to its end."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], output: Path
    ) -> None:
        self._name = " ".join(arguments[:2])
        self._output = output
        with output.open("wb") as written:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - only calls the system
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

    def wait(self, until: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait for something that this process does; PlainscoreError if it ends or takes longer,
        StoodStill if it no longer works for it.
        """
        looked, used = time.monotonic(), self.cpu_seconds()
        deadline = looked + seconds
        while not until():
            if self._process.poll() is not None:
                raise self._failed(f"ended before {what}")
            now = time.monotonic()
            if now > deadline:
                raise self._failed(f"took over {seconds:.0f} s for {what}")
            if now > looked + STILL_SECONDS:
                before, used = used, self.cpu_seconds()
                if used - before < STILL * (now - looked):
                    raise self._failed(f"stood still before {what}", StoodStill)
                looked = now
            time.sleep(LOOK_SECONDS)

    def said(self, word: str) -> bool:
        """Whether it has written this word on a line of its own."""
        return word in self._output.read_text(errors="replace").splitlines()

    def logged(self, event: str) -> dict[str, Any] | None:
        """Give the first line of its log, as JSON, that tells of this event."""
        for line in self._output.read_text(errors="replace").splitlines():
            if f'"{event}"' in line:
                found: dict[str, Any] = json.loads(line)
                return found
        return None

    def cpu_seconds(self) -> float:
        """Give the time on processors until now, of all its threads, in user and system."""
        return cpu_seconds(self._process.pid)

    def peak_rss_mib(self) -> float:
        """Give the most memory that it has held until now."""
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise self._failed("ended before its memory was read")

    def stop(self) -> None:
        """End it in the clean way."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise self._failed(f"took over {STOP_SECONDS:.0f} s to stop") from None
        if self._process.returncode:
            raise self._failed(f"ended with exit code {self._process.returncode}")

    def _failed(self, what: str, kind: type[PlainscoreError] = PlainscoreError) -> PlainscoreError:
        lines = self._output.read_text(errors="replace").strip().splitlines()
        return kind(
            f"the measured process {what}",
            where=self._name,
            next_step=f"The last that it said: {lines[-1] if lines else 'nothing'}",
        )


def cpu_seconds(process: int) -> float:
    """Give the time on processors until now of a running process."""
    after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


def broker_cpu_seconds(broker: Broker) -> float:
    """Give the time on processors until now of all its nodes."""
    return sum(map(cpu_seconds, broker.processes()))


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
