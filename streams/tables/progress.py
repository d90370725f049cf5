"""Tells how far the restore of a partition is: metrics at once, the log every few seconds."""

import time
from collections.abc import Callable

import structlog

from streams import metrics

EVERY = 5.0  # seconds between two lines of the log

_log = structlog.get_logger(__name__)


class Progress:
    """Hears of the records read and left of one partition, many times a second."""

    def __init__(self, partition: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._partition = partition
        self._clock = clock
        self._began = self._told = clock()
        self._read = 0

    def __call__(self, read: int, left: int) -> None:
        """Take note; read: since the beginning, left: at most, as marks in the log count too."""
        metrics.restore_remaining.labels(str(self._partition)).set(left)
        metrics.restore_records.labels(str(self._partition)).inc(read - self._read)
        self._read = read
        now = self._clock()
        if now - self._told < EVERY:
            return
        self._told = now
        speed = read / (now - self._began)
        _log.info(
            "partition_restoring",
            partition=self._partition,
            records=read,
            records_left=left,
            records_per_second=round(speed),
            seconds_left=round(left / speed) if speed else None,
        )
