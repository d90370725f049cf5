"""What fails again and again: how long to wait before the next try, and from when on to say so.

A worker whose transactions all fail is no worse off for it, as nothing is lost; but nobody whose
partitions it holds is scored, until somebody mends what it fails for.
"""

import time
from collections.abc import Callable, Collection

import structlog

from streams.outage import AGAIN
from streams.transport.fetched import Place

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 10.0  # seconds between two tries
PATIENCE = 30.0  # seconds of failing, after which the worker says that it is stuck


class Tries:
    """The transactions since all went well; `on_stuck(why)` is told, and "" once it is over."""

    on_stuck: Callable[[str], None]

    def __init__(self) -> None:
        self._failed: set[Place] = set()  # in which nothing was committed since
        self._in_a_row = 0
        self._since: float | None = None
        self._stuck = False

    @property
    def pause(self) -> float:
        """Seconds to wait before the next try: longer and longer if nothing helps."""
        return min(AGAIN * ((1 << min(self._in_a_row, 10)) - 1), LONGEST_PAUSE)

    def failed(self, places: Collection[Place], why: str, learned: bool) -> None:
        """Note a transaction that failed; what it has taught us need not be waited for."""
        self._failed |= set(places)
        self._in_a_row += not learned
        self.held_up(why)

    def held_up(self, why: str) -> None:
        """Note that no transaction can be begun, or went well."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
        if now - self._since > PATIENCE:
            if not self._stuck:
                log.error(
                    "worker_stuck",
                    why=why,
                    next_step="Look at the brokers, and at the topics that are named (plainscore "
                    "doctor): once they take what comes, it goes on by itself.",
                )
            self._stuck = True
            self.on_stuck(why)

    def committed(self, places: Collection[Place]) -> None:
        """Note a transaction that went well.

        It says nothing of places that are not in it: work is committed between two failures, too.
        """
        self._failed -= set(places)
        self.went_on()

    def only(self, partitions: Collection[int]) -> None:
        """Leave what fails in other partitions to those who hold them now."""
        self._failed = {place for place in self._failed if place[1] in partitions}
        self.went_on()

    def went_on(self) -> None:
        """Note that nothing is held up, unless a transaction still fails."""
        if self._failed:
            return
        self._in_a_row, self._since = 0, None
        if self._stuck:
            self._stuck = False
            self.on_stuck("")
