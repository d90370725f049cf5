"""Waits for the worker, and not for ever."""

import time
from collections.abc import Callable

from streams.errors import Unreachable

PATIENCE = 60.0  # seconds without any progress


class Patience:
    """Raises Unreachable once nothing has moved for a minute."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._last: object = None
        self._since = time.monotonic()

    def hold(self, now: object) -> None:
        """Wait a little; `now` is anything that changes when something moves."""
        if now != self._last:
            self._last, self._since = now, time.monotonic()
        elif self.waited() > PATIENCE:
            raise Unreachable(
                f"{self._what}: nothing has moved for {PATIENCE:.0f} s",
                next_step="See whether this machine has memory and processors to spare.",
            )
        time.sleep(0.05)

    def waited(self) -> float:
        """Give the seconds since something moved."""
        return time.monotonic() - self._since


def until(done: Callable[[], bool], what: str) -> None:
    """Wait until it is done; `what` says what is wrong if it never is."""
    patience = Patience(what)
    while not done():
        patience.hold(None)
