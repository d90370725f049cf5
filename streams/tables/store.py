"""Faust's store for tables that live in the folders of partitions.

The rows are `streams.tables.partition`'s, as the running transaction sees them; what is here is
what Faust asks of a store. Its rows count when the lane commits, and not before.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from faust.stores import STORES
from faust.stores.base import SerializedStore
from faust.streams import current_event
from faust.types import TP, EventT

from streams.errors import BadUsage
from streams.tables.overlay import Overlay, TableView

URL = "rocksdict://partitions"  # Faust takes a URL without a host for none at all
STORES.aliases["rocksdict"] = "streams.tables.store:Store"  # for a checkout, not installed

_ROWS = 1_000  # read at once when all are asked for


class Store(SerializedStore[bytes, bytes]):
    """One table of every partition that this worker holds."""

    app: Any

    def view(self, partition: int) -> TableView:
        """Give the table of one partition, as the running transaction sees it."""
        return self._overlays()[partition].view(self.table_name)

    def _overlays(self) -> dict[int, Overlay]:
        overlays: dict[int, Overlay] = self.app.tables.overlays
        return overlays

    def _here(self) -> TableView:
        event = current_event()
        if event is None:
            raise BadUsage(
                f"the table {self.table_name} was written to outside of an agent",
                next_step="Write to it in an agent: the event says which partition is meant.",
            )
        return self.view(event.message.partition)

    def _views(self) -> list[TableView]:
        """Give the current event's partition; outside of an agent, all that this worker holds."""
        if current_event() is not None:
            return [self._here()]
        return [self.view(partition) for partition in sorted(self._overlays())]

    # ---- one row

    def _get(self, key: bytes) -> bytes | None:
        found = (view.get(key) for view in self._views())
        return next((value for value in found if value is not None), None)

    def _set(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._here().delete(key)
        else:
            self._here().put(key, value)

    def _del(self, key: bytes) -> None:
        self._here().delete(key)

    def _contains(self, key: bytes) -> bool:
        return self._get(key) is not None

    # ---- all rows

    def _iteritems(self) -> Iterator[tuple[bytes, bytes]]:
        for view in self._views():
            rows = view.scan(b"", None, _ROWS)
            while rows:
                yield from rows
                rows = view.scan(b"", rows[-1][0], _ROWS)

    def _iterkeys(self) -> Iterator[bytes]:
        return (key for key, _ in self._iteritems())

    def _itervalues(self) -> Iterator[bytes]:
        return (value for _, value in self._iteritems())

    def _size(self) -> int:
        return sum(1 for _ in self._iteritems())

    def _clear(self) -> None:
        for key in list(self._iterkeys()):
            self._here().delete(key)

    # ---- changelogs: ours, not Faust's

    def persisted_offset(self, tp: TP) -> int | None:
        """Give the last offset of the changelog that the folder holds, None if it holds none."""
        overlay = self._overlays().get(tp.partition)
        after = None if overlay is None else overlay.store.offsets().get(self.table_name)
        return after - 1 if after else None

    def apply_changelog_batch(
        self, batch: Iterable[EventT[Any]], to_key: Callable[..., Any], to_value: Callable[..., Any]
    ) -> None:
        """Refuse: `streams.tables.restore` reads changelogs, to the offset that counts."""
        raise NotImplementedError("a partition is restored before Faust hears of it")

    def reset_state(self) -> None:
        """Refuse: folders are deleted while no worker has them open."""
        raise BadUsage(
            "a running worker cannot delete its state",
            next_step="Stop it and delete the state folder: it is restored from the changelogs.",
        )

    async def backup_partition(
        self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1
    ) -> None:
        """Refuse: the changelogs are the backup."""
        raise NotImplementedError("the changelogs are the backup")

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Refuse: the changelogs are the backup."""
        raise NotImplementedError("the changelogs are the backup")
