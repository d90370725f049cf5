"""One record as it stood in a topic."""

from typing import NamedTuple


class Record(NamedTuple):
    """A record of a topic: the name without prefix, where it stood, and its untouched bytes."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # Kafka's, in ms
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
