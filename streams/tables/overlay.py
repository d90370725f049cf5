"""What the running transaction has changed in a partition's tables, before it counts.

Views read through to the store; nothing reaches the store until the transaction has committed.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import islice

from streams.tables.partition import TABLES, PartitionStore, after_prefix

Row = tuple[bytes, bytes]

DUE_BYTES = 8  # a key of the index: the time (ms, unsigned, big-endian), then the citizens key


class TableView:
    """One table: `streams.views.View`."""

    def __init__(self, store: PartitionStore, family: str) -> None:
        self._store = store
        self._family = family
        self._rows: dict[bytes, bytes | None] = {}  # None: taken out
        self._keys: list[bytes] = []  # of _rows, in order, as far as a scan has needed them

    @property
    def changes(self) -> dict[bytes, bytes | None]:
        """What has changed since the last `clear`."""
        return self._rows

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, None if it has none."""
        if key in self._rows:
            return self._rows[key]
        return self._store.get(self._family, key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Give the values of keys, in their order."""
        rows = self._rows
        stored = [key for key in keys if key not in rows] if rows else keys
        found = self._store.get_many(self._family, stored) if stored else []
        if len(stored) == len(keys):
            return found
        values = iter(found)
        return [rows[key] if key in rows else next(values) for key in keys]

    def put(self, key: bytes, value: bytes) -> None:
        """Write a value."""
        self._rows[key] = value

    def delete(self, key: bytes) -> None:
        """Take a key out."""
        self._rows[key] = None

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> list[Row]:
        """Give rows whose key begins with a prefix, in order, strictly after a key."""
        start = prefix if after is None else max(prefix, after + b"\x00")
        return self.between(start, after_prefix(prefix), limit)

    def between(self, start: bytes, end: bytes | None, limit: int) -> list[Row]:
        """Give rows in order of their keys, from `start` on and before `end`."""
        if limit <= 0 or (end is not None and start >= end):
            return []
        keys = self._in_order()
        last = len(keys) if end is None else bisect_left(keys, end)
        own = keys[bisect_left(keys, start) : last]
        stored = self._store.rows(self._family, start, end)
        if not own:
            return list(islice(stored, limit))
        return list(islice(self._merged(iter(own), stored), limit))

    def clear(self) -> None:
        """Forget every change; who holds the old ones keeps them."""
        self._rows = {}
        self._keys = []

    def _in_order(self) -> list[bytes]:
        """Bring the ordered keys up to date: new keys stand at the end of the dict."""
        new = len(self._rows) - len(self._keys)
        if new:
            latest = islice(reversed(self._rows), new)
            if new * 8 > len(self._keys):
                self._keys.extend(latest)
                self._keys.sort()
            else:  # putting a few in costs less than looking at all again
                for key in latest:
                    insort(self._keys, key)
        return self._keys

    def _merged(self, own: Iterator[bytes], stored: Iterator[Row]) -> Iterator[Row]:
        mine, theirs = next(own, None), next(stored, None)
        while mine is not None or theirs is not None:
            if mine is None or (theirs is not None and theirs[0] < mine):
                assert theirs is not None
                yield theirs
                theirs = next(stored, None)
                continue
            if theirs is not None and theirs[0] == mine:
                theirs = next(stored, None)
            value = self._rows[mine]
            if value is not None:
                yield mine, value
            mine = next(own, None)


class CitizensTableView(TableView):
    """The table of citizens and its index of due times: `streams.views.CitizensView`."""

    def __init__(self, store: PartitionStore) -> None:
        super().__init__(store, "citizens")
        self.index = TableView(store, "due")

    def due(self, until: int, limit: int) -> list[tuple[int, bytes]]:
        """Give (due time, key) in order, up to a time in ms."""
        rows = self.index.between(b"", due_key(until + 1, b""), limit)
        return [(int.from_bytes(key[:DUE_BYTES], "big"), key[DUE_BYTES:]) for key, _ in rows]

    def set_due(self, key: bytes, old: int | None, new: int | None) -> None:
        """Move a key in the index of due times (ms, not before 1970)."""
        if old is not None:
            self.index.delete(due_key(old, key))
        if new is not None:
            self.index.put(due_key(new, key), b"")

    def clear(self) -> None:
        """Forget every change, also of the index."""
        super().clear()
        self.index.clear()


class Overlay:
    """Both tables of a partition, as the running transaction sees them."""

    def __init__(self, store: PartitionStore) -> None:
        self.store = store
        self.citizens = CitizensTableView(store)
        self.ledger = TableView(store, "ledger")

    def view(self, table: str) -> TableView:
        """Give a table; the same object for as long as the overlay lives."""
        return {"citizens": self.citizens, "ledger": self.ledger}[table]

    def changes(self) -> dict[str, dict[bytes, bytes | None]]:
        """Give the last value of each changed key by table; None: it was taken out."""
        return {table: self.view(table).changes for table in TABLES}

    def due_changes(self) -> dict[bytes, bytes | None]:
        """Give what changed in the index of due times, for `PartitionStore.write`."""
        return self.citizens.index.changes

    def clear(self) -> None:
        """Forget every change: they were written, or their transaction was aborted."""
        self.citizens.clear()
        self.ledger.clear()


def due_key(due: int, key: bytes) -> bytes:
    """Give the index's key: keys in order are times in order."""
    return due.to_bytes(DUE_BYTES, "big") + key
