"""One record as it stood in a topic."""

from dataclasses import dataclass
from operator import methodcaller
from typing import Any

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(slots=True, init=False)
class Record:
    """A record of a topic: the name without prefix, where it stood, and its untouched bytes."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # Kafka's, in ms
    key: bytes | None
    value: bytes | None
    headers: Headers

    # Written out, as one is made of every message: what dataclass makes is not compiled.
    def __init__(
        self,
        topic: str,
        partition: int,
        offset: int,
        timestamp: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers


# Called from C, where Python checks what a function returns: a call in Python's own code, once it
# runs hot, does not, and would go on with a list that has a hole in it.
_headers = methodcaller("headers")


def headers_of(message: Any) -> Headers:
    """Give the headers of librdkafka's message; none if a name among them is not UTF-8.

    Kafka takes any bytes as a name, and confluent-kafka returns an error together with a result for
    such ones: a worker that let it through would crash on the same record for ever.
    """
    try:
        return tuple(_headers(message) or ())
    except (SystemError, UnicodeDecodeError):
        return ()


def record_of(message: Any, topic: str, partition: int, offset: int) -> Record:
    """Make a record of librdkafka's message; the caller has read where it stood already."""
    key, value, (_, timestamp) = message.key(), message.value(), message.timestamp()
    return Record(topic, partition, offset, timestamp, key, value, headers_of(message))
