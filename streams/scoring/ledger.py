"""The ledger: one entry for each event, and the merge of a record into its entry.

A record becomes an entry of one part (a fact, a dispute's step or a correction), and `merge` joins
two entries. The join is commutative, associative and idempotent, so the same records in any order,
with any duplicates, make the same ledger. `standing` says what an entry counts as.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from streams.scoring.kind import Kind

DAY = 86_400_000  # ms
DECISION_DAYS = 30  # a dispute that nobody decides within these has lapsed for the citizen

Content = dict[str, Any]
K = TypeVar("K")
V = TypeVar("V")

# Writes a text with nothing escaped that JSON does not demand.
_quoted = json.encoder.encode_basestring


class Fact(NamedTuple):
    """What an event said, and when it happened (ms)."""

    occurred_at: int
    content: str


class Dispute(NamedTuple):
    """The steps of one dispute, as times in ms; a step that was not taken is None."""

    opened_at: int | None = None
    statement: str = ""
    withdrawn_at: int | None = None
    decided_at: int | None = None
    upheld: bool = False


class Correction(NamedTuple):
    """What the source put right; of several the greatest, in the order of the fields, stands."""

    occurred_at: int
    content: str
    correction_id: str


class Entry(NamedTuple):
    """All that is known of one event. Disputes and corrections are kept by the time they name."""

    fact: Fact | None = None
    disputes: Mapping[tuple[str, int], Dispute] = {}  # by (dispute_id, named time)
    corrections: Mapping[int, Correction] = {}  # by named time


EMPTY = Entry()


# ---- a record as an entry of one part


def content_of(kind: Kind, values: Content) -> Content:
    """Pick what scorecards may read: nulls and defaults are left out."""
    picked = {}
    for name, field in kind.fields.items():
        value = values[name]
        if value is not None and value != field.default:
            picked[name] = value
    return picked


def canonical(content: Content) -> str:
    """Give the text by which contents are compared and stored: JSON, sorted keys, no spaces.

    Order by code point is order by UTF-8 bytes, so texts compare as their bytes do.
    """
    text = "{"
    before = '"'
    for name in sorted(content):
        value = content[name]
        told: str = str(value) if isinstance(value, int) else _quoted(value)
        text += f'{before}{name}":{told}'
        before = ',"'
    return text + "}"


def fact(occurred_at: int, content: Content) -> Entry:
    """Make the entry of an event alone."""
    return Entry(Fact(occurred_at, canonical(content)))


def dispute(dispute_id: str, named: int, occurred_at: int, action: str, statement: str) -> Entry:
    """Make the entry of one step of a dispute: open, withdraw, uphold or reject."""
    if action == "open":
        step = Dispute(opened_at=occurred_at, statement=statement)
    elif action == "withdraw":
        step = Dispute(withdrawn_at=occurred_at)
    else:
        step = Dispute(decided_at=occurred_at, upheld=action == "uphold")
    return Entry(disputes={(dispute_id, named): step})


def correction(correction_id: str, named: int, occurred_at: int, content: Content) -> Entry:
    """Make the entry of a correction; its content holds the action and the replaced fields."""
    return Entry(corrections={named: Correction(occurred_at, canonical(content), correction_id)})


# ---- merge


def merge(a: Entry, b: Entry) -> Entry:
    """Join two entries of the same event."""
    return Entry(
        _later(a.fact, b.fact),
        _union(a.disputes, b.disputes, _join) if b.disputes else a.disputes,
        _union(a.corrections, b.corrections, max) if b.corrections else a.corrections,
    )


def _later(a: Fact | None, b: Fact | None) -> Fact | None:
    """Only facts compete: the later event time wins, at equal time the smaller content."""
    if a is None or b is None:
        return a or b
    if a.occurred_at != b.occurred_at:
        return a if a.occurred_at > b.occurred_at else b
    return a if a.content <= b.content else b


def _union(a: Mapping[K, V], b: Mapping[K, V], join: Callable[[V, V], V]) -> Mapping[K, V]:
    """Unite two mappings; where both hold a key, join the values."""
    return {**a, **{key: join(a[key], part) if key in a else part for key, part in b.items()}}


def _join(a: Dispute, b: Dispute) -> Dispute:
    """Keep the earliest of each step; of two openings at one time the smaller statement."""
    opened_at, statement = _earliest((a.opened_at, a.statement), (b.opened_at, b.statement))
    # `not upheld` puts an uphold before a rejection of the same time
    decided_at, rejected = _earliest((a.decided_at, not a.upheld), (b.decided_at, not b.upheld))
    withdrawn_at, _ = _earliest((a.withdrawn_at, 0), (b.withdrawn_at, 0))
    ended = withdrawn_at is not None or decided_at is not None
    return Dispute(
        opened_at,
        "" if ended else statement,  # what a person wrote is kept no longer than it is needed
        withdrawn_at,
        decided_at,
        decided_at is not None and not rejected,
    )


def _earliest(a: tuple[int | None, V], b: tuple[int | None, V]) -> tuple[int | None, V]:
    """Give the step that was taken first; None stands for a step not taken."""
    if a[0] is None:
        return b
    if b[0] is None:
        return a
    return min(a, b)


# ---- what an entry counts as


def standing(entry: Entry) -> Content | None:
    """Give the content that counts, corrected; None where nothing counts."""
    if entry.fact is None:
        return None
    if entry.disputes and is_out(entry):
        return None
    content: Content = json.loads(entry.fact.content)
    correction = entry.corrections.get(entry.fact.occurred_at)
    if correction is None:
        return content
    changes = json.loads(correction.content)
    if changes.pop("action") == "retract":
        return None
    content.update(changes)
    return content


def is_out(entry: Entry) -> bool:
    """Say whether a dispute that is open, lapsed or upheld takes the entry's fact out."""
    acting = acting_disputes(entry)
    rulings = [ruling(step) for step in acting]
    if "upheld" in rulings:
        return True
    rejections = [s.decided_at for s, r in zip(acting, rulings, strict=True) if r == "rejected"]
    # one that was opened after a rejection takes the entry out only if it is upheld
    last = min(filter(None, rejections), default=None)
    return any(
        r == "open" and (last is None or s.opened_at is None or s.opened_at <= last)
        for s, r in zip(acting, rulings, strict=True)
    )


def acting_disputes(entry: Entry) -> list[Dispute]:
    """Give the disputes that act on the fact: those that name a time at most a day before it."""
    if entry.fact is None:
        return []
    reach = entry.fact.occurred_at - DAY
    return [step for (_, named), step in entry.disputes.items() if named >= reach]


def ruling(dispute: Dispute) -> str:
    """Say where a dispute stands: waiting, open (or lapsed: it weighs the same), upheld,
    rejected or withdrawn.
    """
    opened, decided, withdrawn = dispute.opened_at, dispute.decided_at, dispute.withdrawn_at
    if opened is None:
        return "waiting"
    in_time = decided is not None and decided <= opened + DECISION_DAYS * DAY
    if in_time and (withdrawn is None or decided <= withdrawn):  # type: ignore[operator]
        return "upheld" if dispute.upheld else "rejected"
    return "open" if withdrawn is None else "withdrawn"


# ---- time


def earliest(entry: Entry) -> int:
    """Give the earliest event time (ms) by which a part of an entry is kept; EMPTY has none."""
    times = [] if entry.fact is None else [entry.fact.occurred_at]
    if entry.disputes or entry.corrections:
        times += [named for _, named in entry.disputes]
        times += entry.corrections
    return min(times)


def keep(entry: Entry, wanted: Callable[[int], bool]) -> Entry:
    """Keep the parts whose event time is wanted."""
    return Entry(
        entry.fact if entry.fact and wanted(entry.fact.occurred_at) else None,
        {key: step for key, step in entry.disputes.items() if wanted(key[1])},
        {named: part for named, part in entry.corrections.items() if wanted(named)},
    )


def conflict(entry: Entry, arriving: Entry) -> bool:
    """Say whether two facts of one time tell different things."""
    a, b = entry.fact, arriving.fact
    return a is not None and b is not None and a.occurred_at == b.occurred_at and a != b
