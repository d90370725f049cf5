"""The tables of one partition, as a batch that is processed sees them."""

from typing import Protocol


class View(Protocol):
    """One table of one partition, as the running transaction sees it."""

    def get(self, key: bytes) -> bytes | None:
        """Give the value of a key, None if it has none."""

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Give the values of keys, in their order."""

    def put(self, key: bytes, value: bytes) -> None:
        """Write a value."""

    def delete(self, key: bytes) -> None:
        """Take a key out."""

    def scan(self, prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        """Give rows whose key begins with a prefix, in order, strictly after a key."""


class CitizensView(View, Protocol):
    """The table of citizens, which also finds who is due."""

    def due(self, until: int, limit: int) -> list[tuple[int, bytes]]:
        """Give (due time, key) in order, up to a time in ms."""

    def set_due(self, key: bytes, old: int | None, new: int | None) -> None:
        """Move a key in the index of due times."""
