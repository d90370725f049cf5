"""Why a record was refused: the reasons, the headers that carry them, and reading them back.

The header names are those of Kafka Streams (KIP-1034), so that tools written for it work here.
Its stack trace is left out on purpose: a trace may hold values, a header holds field names only.
"""

from dataclasses import dataclass

from streams.record import Record

EXCEPTION = "__streams.errors.exception"
MESSAGE = "__streams.errors.message"
TOPIC = "__streams.errors.topic"  # the name without prefix
PARTITION = "__streams.errors.partition"
OFFSET = "__streams.errors.offset"
REASON = "plainscore.reason"
TIMESTAMP = "plainscore.timestamp"  # Kafka's, of the refused record, in ms: a replay keeps it
KEPT = "plainscore.kept"  # of a conflicting duplicate: was the arriving content kept?

BARE = "plainscore.bare"  # key and value were not kept: too large, or whose they are is not known

OURS = frozenset({EXCEPTION, MESSAGE, TOPIC, PARTITION, OFFSET, REASON, TIMESTAMP, KEPT, BARE})

# A record's own headers go along only when they are few and small: nobody can grow a dead letter,
# or a record that is forwarded, past what the broker takes.
OWN_HEADERS = 8
OWN_HEADER_BYTES = 256

# Each reason -> what was wrong, and what to do about it.
REASONS: dict[str, str] = {
    # ---- the bytes
    "wrong_magic": "The value does not begin with the byte 0 of the Confluent wire format. "
    "Send Avro, framed with the schema's id; JSON is not read here.",
    "unknown_schema": "The schema id in the value is not one of this topic's. "
    "Send with a schema from schemas/, under its own id (`plainscore schemas check`).",
    "undecodable": "The value is not what its schema says, or has bytes left over. "
    "Encode it with the schema that its id names.",
    "null_value": "The value is missing, and this topic has no use for a record without one. "
    "Send the whole record.",
    "oversized": "The record is larger than this service takes. "
    "Send one event per record, without attachments.",
    # ---- whose it is
    "empty_id": "The citizen's id is empty. Send the id that the consent was given under.",
    "bad_id": "An id begins with a zero byte or is longer than 256 bytes in UTF-8. "
    "Use a shorter id that begins with a letter or a digit.",
    "key_mismatch": "The record's key is not the citizen_id in its value. "
    "Send with the citizen_id, in UTF-8, as the key.",
    "misplaced": "The record says that it was moved to its partition, and stands in another. "
    "Check that every topic has the same number of partitions (`plainscore doctor`), then send "
    "it again.",
    "too_old_to_move": "The record stands in another partition than its citizen's, and Kafka takes "
    "none as old as this one any more. Send it again, with the citizen_id as its key, placed by "
    "murmur2.",
    # ---- what it says
    "empty_source": "The reporting organisation (source) is empty. "
    "Send the fixed id of the organisation that reports.",
    "empty_value": "A field that identifies something is empty. Fill in the field named here.",
    "negative_amount": "An amount is below zero. "
    "A refund is not an event of its own: send a correction of the event that it takes back.",
    "negative_quantity": "A quantity is below zero. "
    "Goods sent back are not an event of their own: send a correction of the purchase.",
    "amount_too_large": "An amount or a quantity is over 10^12. Amounts are in minor units: "
    "check whether it was multiplied twice.",
    "not_a_currency": "The currency is no ISO 4217 code, past or present. "
    "Send three capital letters, such as USD or EUR.",
    "date_out_of_range": "A day lies outside of the years 1900 to 2199. "
    "Dates are days since 1970: check whether milliseconds or seconds were sent.",
    "too_early": "A time lies before 1990. Times are milliseconds since 1970 in UTC: "
    "check whether seconds were sent.",
    "too_late": "A time lies more than a day after the time of sending. "
    "Check the clock and the time zone of the sender, and whether microseconds were sent.",
    # ---- disputes and corrections
    "unknown_kind": "The record names a kind of event that does not exist here. "
    "Use purchases, fines or payments.",
    "not_a_field": "The correction replaces a field that this kind of event does not have. "
    "Name only fields of the kind; to change kind or time, retract it and send a new event.",
    "not_the_source": "The correction does not come from the organisation that reported the event. "
    "Only the source corrects; the citizen can open a dispute.",
    "dispute_out_of_time": "The dispute's time lies more than a day from its time of sending. "
    "Send it when it is made, dated then.",
    "statement_too_long": "The statement is longer than 500 characters. Shorten it.",
    "entry_full": "The event has as many disputes, or corrections, as are kept of one. "
    "Have those decided or withdrawn that are open.",
    "conflicting_duplicate": "Two different contents came under one event id and time. "
    "One was kept by a fixed rule: send a correction for what is right, with its own id.",
    # ---- consents, shares, ticks
    "covers_from_ahead": "A grant begins more than a day after the time of sending. "
    "Grant when the day has come.",
    "list_too_long": "A list of grants or shares, or one within them, has more than 100 items. "
    "Send one grant a scorecard and date, and each kind once.",
    "unknown_audience": "No audience of this name is set up here. "
    "Use one that this service lists, or have it set up (PLAINSCORE_AUDIENCES).",
    "tick_ahead": "A tick lies more than a day after its time of sending. "
    "Check the clock of whoever sends ticks.",
}


def own_headers(record: Record, *but: str) -> list[tuple[str, bytes]]:
    """The headers of its sender's that go along with a record."""
    small = [
        (name, value)
        for name, value in record.headers
        if name not in OURS
        and name not in but
        and value is not None
        # a character may take four bytes
        and 4 * len(name) + len(value) <= OWN_HEADER_BYTES
    ]
    return small[:OWN_HEADERS]


def headers_for(
    reason: str, detail: str, record: Record, *, kept: bool | None = None, bare: bool = False
) -> list[tuple[str, bytes]]:
    """The headers of the dead letter that `record` becomes.

    `detail` names fields and what was expected of them, never values: it can be shown to anybody.
    `kept` is given for a conflicting duplicate: whether the arriving content is the one kept.
    `bare`: neither its bytes nor its own headers go along.
    """
    headers = [(BARE, b"true")] if bare else own_headers(record)
    headers += [
        (EXCEPTION, f"plainscore.{reason}".encode()),
        (MESSAGE, detail.encode()),
        (TOPIC, record.topic.encode()),
        (PARTITION, str(record.partition).encode()),
        (OFFSET, str(record.offset).encode()),
        (REASON, reason.encode()),
        (TIMESTAMP, str(record.timestamp).encode()),
    ]
    if kept is not None:
        headers.append((KEPT, b"true" if kept else b"false"))
    return headers


@dataclass(frozen=True)
class DeadLetter:
    """A refused record as it was, why it was refused, and where the dead letter itself stands."""

    reason: str
    detail: str
    refused: Record  # with its own topic, partition, offset, timestamp and headers
    kept: bool | None
    bare: bool  # its key and value were not kept
    partition: int  # of the dead letter
    offset: int

    @property
    def sentence(self) -> str:
        """What was wrong and what to do, for people."""
        return REASONS.get(self.reason, "This reason is not known to this version of plainscore.")


def read(letter: Record) -> DeadLetter:
    """Read a record of the topic dead-letters back; what is missing reads as empty or -1."""
    ours: dict[str, str] = {}
    own: list[tuple[str, bytes | None]] = []
    for name, value in letter.headers:
        if name in OURS:
            ours[name] = (value or b"").decode("utf-8", "replace")
        else:
            own.append((name, value))
    kept = ours.get(KEPT)
    return DeadLetter(
        reason=ours.get(REASON, ""),
        detail=ours.get(MESSAGE, ""),
        refused=Record(
            topic=ours.get(TOPIC, ""),
            partition=_number(ours.get(PARTITION)),
            offset=_number(ours.get(OFFSET)),
            timestamp=_number(ours.get(TIMESTAMP)),
            key=letter.key,
            value=letter.value,
            headers=tuple(own),
        ),
        kept=None if kept is None else kept == "true",
        bare=BARE in ours,
        partition=letter.partition,
        offset=letter.offset,
    )


def _number(text: str | None) -> int:
    try:
        number = int(text or "")
    except ValueError:
        return -1
    return number if -1 <= number < 1 << 63 else -1  # no record of Kafka's has another
