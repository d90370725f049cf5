"""Every topic: its name, key, schema and settings; and which partition a citizen lives in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from streams.errors import BadUsage
from streams.scoring.ledger import DAY

HOUR = 3_600_000  # ms

Role = Literal["event", "input", "output", "changelog", "reference"]
Cleanup = Literal["delete", "compact"]
Key = Literal[
    "citizen",  # citizen_id in UTF-8
    "citizen+scorecard",  # packed: see codec.pack
    "scorecard+version",  # packed
    "receipt",  # receipt_id in UTF-8
    "untouched",  # the key of the record that a dead letter holds
    "state",  # of the tables citizens and ledger
    "none",
]


@dataclass(frozen=True)
class Topic:
    """A topic; its name stands without the prefix, and `config` is all that Kafka is told of it."""

    name: str
    role: Role
    cleanup: Cleanup
    retention_ms: int | None  # None: kept as long as its key has a value
    key: Key
    value_schema: str | None  # None: the value is raw bytes
    partitioned: bool = True  # False: one partition, whatever the partition count
    # Beyond those of its role and cleanup.
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> dict[str, str]:
        """Kafka's settings of the topic.

        A segment lasts a day at most and compaction waits a day at most, so that what was erased
        or has expired is really gone by ERASED_WITHIN. A tombstone stays for a week: who was away
        for longer reads from the start. Kafka would take a record from the future for younger
        than it is and keep it, so inputs refuse one.
        """
        config = {"cleanup.policy": self.cleanup, "segment.ms": str(DAY)}
        if self.cleanup == "compact":
            config["max.compaction.lag.ms"] = str(DAY)
            config["delete.retention.ms"] = str(TOMBSTONES_STAY)
        else:
            config["retention.ms"] = str(self.retention_ms)
        if self.role in ("event", "input"):
            config["message.timestamp.type"] = "CreateTime"
            config["message.timestamp.after.max.ms"] = str(HOUR)
        return {**config, **self.settings}


WEEK = 7 * DAY
LARGEST_RECORD = 2 * 1024 * 1024  # bytes of one that the lane writes; twice Kafka's default
YEAR = 365 * DAY
TOMBSTONES_STAY = WEEK
# By when no topic holds a record that a tombstone or its retention ends: segment, compaction lag
# and tombstone, and a day for Kafka's cleaners to come round. Receipts promise it.
ERASED_WITHIN = DAY + DAY + TOMBSTONES_STAY + DAY

_LARGE = {"max.message.bytes": str(LARGEST_RECORD)}

_ROWS = (
    # name, role, cleanup, kept, key, schema
    Topic("purchases", "event", "delete", WEEK, "citizen", "purchases"),
    Topic("fines", "event", "delete", WEEK, "citizen", "fines"),
    Topic("payments", "event", "delete", WEEK, "citizen", "payments"),
    Topic("consents", "input", "compact", None, "citizen", "consents"),
    Topic("shares", "input", "compact", None, "citizen", "shares"),
    # deploy/ sets message.timestamp.before.max.ms on disputes too; tests and demos live in the past
    Topic("disputes", "input", "delete", WEEK, "citizen", "disputes"),
    Topic("corrections", "input", "delete", WEEK, "citizen", "corrections"),
    Topic("ticks", "input", "delete", WEEK, "none", "ticks"),
    Topic("scorecards", "reference", "compact", None, "scorecard+version", "scorecards", False),
    Topic("score-changes", "output", "delete", WEEK, "citizen", "score-changes"),
    Topic("score-changes.shadow", "output", "delete", WEEK, "citizen", "score-changes"),
    Topic("scores", "output", "compact", None, "citizen+scorecard", "scores"),
    Topic("receipts", "output", "delete", YEAR, "receipt", "receipts"),
    Topic(
        "dead-letters",
        "output",
        "delete",
        WEEK,
        "untouched",
        None,
        settings=_LARGE,  # an input's largest and its headers
    ),
    # A row that its changelog refuses would hold up its partition for good.
    Topic("citizens-changelog", "changelog", "compact", None, "state", None, settings=_LARGE),
    Topic("ledger-changelog", "changelog", "compact", None, "state", None, settings=_LARGE),
)

TOPICS: dict[str, Topic] = {topic.name: topic for topic in _ROWS}
GATE = ("consents", "shares")  # the last record of a key is in force; read before what they let in
CHANGELOGS = {"citizens": "citizens-changelog", "ledger": "ledger-changelog"}  # by table
KINDS: tuple[str, ...] = tuple(topic.name for topic in _ROWS if topic.role == "event")
# What a worker's group consumes; consents and shares, the gate, come first.
INPUTS: tuple[str, ...] = tuple(
    topic.name
    for topic in sorted(_ROWS, key=lambda topic: topic.cleanup != "compact")
    if topic.role in ("event", "input")
)

AUDIENCE = re.compile(r"(?!shadow\Z)[a-z0-9][a-z0-9-]{0,63}")
AUDIENCE_TAKES = "a-z, 0-9 and -, up to 64 of them, and is another word than shadow"
_AUDIENCE = "score-changes."


def audience_topic(audience: str) -> Topic:
    """Give the topic of score changes for one audience; its name must be fit for a topic's."""
    if not AUDIENCE.fullmatch(audience):
        raise BadUsage(
            f"{audience!r} cannot be an audience's name", next_step=f"It takes {AUDIENCE_TAKES}."
        )
    name = _AUDIENCE + audience
    return Topic(name, "output", "delete", WEEK, "citizen", "score-changes-audience")


def topic_of(name: str) -> Topic:
    """Give the topic of a name without prefix, an audience's too; refuse one that is not ours."""
    if name in TOPICS:
        return TOPICS[name]
    if name.startswith(_AUDIENCE):
        return audience_topic(name.removeprefix(_AUDIENCE))
    raise BadUsage(f"there is no topic {name!r}", next_step=f"The topics are {', '.join(TOPICS)}.")


def full_name(name: str, prefix: str = "") -> str:
    """Give the name that Kafka knows: the prefix, as it is, and then the topic's name."""
    return prefix + name


@lru_cache(maxsize=1_024)
def bare_name(full: str, prefix: str) -> str:
    """Give the name without the prefix; a name without that prefix is not ours."""
    if not full.startswith(prefix):
        raise BadUsage(f"the topic {full!r} does not begin with the prefix {prefix!r}")
    return full.removeprefix(prefix)


@lru_cache(maxsize=65_536)
def partition_of(citizen_id: str, partitions: int) -> int:
    """Give the partition where a citizen lives."""
    return place_of(citizen_id.encode(), partitions)


def place_of(key: bytes, partitions: int) -> int:
    """Give the partition where Kafka's Java client would place a key."""
    return (murmur2(key) & 0x7FFF_FFFF) % partitions


def murmur2(key: bytes) -> int:
    """Hash as Kafka's Java client does (a murmur2 with Kafka's seed), as an unsigned 32-bit int."""
    m, mask = 0x5BD1_E995, 0xFFFF_FFFF
    whole = len(key) & ~3
    h = 0x9747_B28C ^ len(key)
    for start in range(0, whole, 4):
        k = int.from_bytes(key[start : start + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if whole < len(key):
        h = (h ^ int.from_bytes(key[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15
