"""What is published in a schedule: a history in pieces, each acknowledged before the next is sent.

Consents are granted, narrowed and withdrawn all the while. What must come of it is the same however
fast workers read: whoever comes late sends events only after the consent was acknowledged; grants
of those who stay only shrink; and who comes back grants only what lies after everything that was
sent before the withdrawal. A tick behind it all brings everybody to one time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from streams.codec import decode
from streams.marks import RECEIPT
from streams.scoring.ledger import DAY
from streams.topics import KINDS
from tests.lane_world import PARTITIONS, History, Sent

CITIZENS = 60
EVENTS = 900
PIECE = 30  # records
LARGE = 10_000  # bytes; written in hex
NEWS = 20 * DAY  # of who comes back, only what is younger counts
NOBODY = b"\xff\xfe nobody"  # a key that names no citizen
GARBAGE = b"\x00\x00\x00\x00\x7fnot Avro"

Placed = tuple[float, Sent]


@dataclass
class Published:
    """The pieces of a history, and what is to be found of it later besides scores."""

    pieces: list[list[Sent]]
    last: list[Sent]
    idle: list[Sent]  # to be sent as often as one likes
    names: list[str]
    now: int
    receipts: set[str] = field(default_factory=set)
    nobodys: int = 0  # records that name nobody


def published(seed: int) -> Published:
    """Make the history of a seed; times count back from now."""
    history = History(seed, CITIZENS, EVENTS)
    random = Random(f"{seed} history")
    names = iter(history.names)
    late, narrowing, leaving, returning = (
        [next(names) for _ in range(number)] for number in (4, 5, 4, 3)
    )
    consents = {each.key.decode(): each for each in history.consents() if each.key}
    placed = _in_order([_large(each) for each in history.happenings()])
    made = Published([], history.ticks(history.now), [], history.names, history.now)
    made.idle = history.ticks(history.now - 2 * DAY)
    for name in late:
        came = random.uniform(0.1, 0.5)
        placed = list(_moved(placed, name, came, 0, random))
        placed.append((came, consents.pop(name)))
    for name in narrowing:
        at = random.uniform(0.2, 0.9)
        placed += [(at, each) for each in _narrower(consents[name])]
    for number, name in enumerate(leaving + returning):
        left, receipt = random.uniform(0.2, 0.6), f"receipt-{number}"
        made.receipts.add(receipt)
        placed.append((left, _withdrawal(name, receipt)))
        if name in returning:
            back = random.uniform(left, 0.8)
            placed = list(_moved(placed, name, back, history.now - NEWS, random))
            placed.append((back, _return(name, history.now)))
    poison = list(_poison(random, sorted(consents)))
    made.nobodys = sum(each.key in (None, NOBODY) for each in poison)
    placed += [(random.random(), each) for each in poison]
    placed = [(at, _astray(random, each)) for at, each in placed]
    made.pieces = [[*consents.values(), *history.shares()], *_pieces(placed)]
    return made


def _large(sent: Sent) -> Sent:
    """Make some purchases so large that RocksDB has more than its memory to write to."""
    if sent.topic != "purchases":
        return sent
    values = decode("purchases", sent.value)
    random = Random(values["event_id"])  # the same for a repeated one
    if random.random() > 0.2:
        return sent
    return Sent.of("purchases", values | {"category": random.randbytes(LARGE).hex()})


def _in_order(records: list[Sent]) -> list[Placed]:
    return [(number / len(records), each) for number, each in enumerate(records)]


def _moved(
    placed: list[Placed], name: str, came: float, since: int, random: Random
) -> Iterator[Placed]:
    """Move what tells of a citizen's time since `since` behind the place where the consent is."""
    for at, each in placed:
        theirs = each.topic != "consents" and each.key == name.encode()
        if theirs and at <= came and _time(each) >= since:
            yield random.uniform(came, 1), each
        else:
            yield at, each


def _time(sent: Sent) -> int:
    values: dict[str, Any] = decode(sent.topic, sent.value)
    time: int = values.get("about", values)["occurred_at"]
    return time


def _narrower(consent: Sent) -> Iterator[Sent]:
    """Narrow it in steps that come at once: each waits until the ledger is read for the last."""
    values = decode("consents", consent.value)
    first = values["grants"][0]
    for kept in range(len(first["kinds"]), 0, -1):
        yield Sent.of("consents", values | {"grants": [first | {"kinds": first["kinds"][:kept]}]})


def _withdrawal(name: str, receipt: str) -> Sent:
    empty = Sent.of("consents", {"citizen_id": name, "occurred_at": 0, "grants": []})
    return empty._replace(value=None, headers=((RECEIPT, receipt.encode()),))


def _return(name: str, now: int) -> Sent:
    grant = {"scorecard": "everyday", "kinds": list(KINDS), "covers_from": now - NEWS}
    return Sent.of("consents", {"citizen_id": name, "occurred_at": now, "grants": [grant]})


def _poison(random: Random, steady: list[str]) -> Iterator[Sent]:
    """What nobody can read, under names that can be read and under others."""
    for topic in (*KINDS, "disputes", "corrections", "consents"):
        someone = Sent.of("consents", _nothing(random.choice(steady)))
        yield someone._replace(topic=topic, value=GARBAGE)
    for topic in random.sample(KINDS, 2):
        yield Sent(topic, NOBODY, GARBAGE, random.randrange(PARTITIONS))
        yield Sent(topic, None, GARBAGE, random.randrange(PARTITIONS))
    yield Sent("ticks", None, GARBAGE, random.randrange(PARTITIONS))


def _nothing(name: str) -> dict[str, Any]:
    return {"citizen_id": name, "occurred_at": 0, "grants": []}


def _astray(random: Random, sent: Sent) -> Sent:
    """Put a few events into a partition that isn't their citizen's."""
    if sent.topic not in KINDS or sent.value == GARBAGE or random.random() > 0.03:
        return sent
    return sent._replace(partition=(sent.partition + 1) % PARTITIONS)


def _pieces(placed: list[Placed]) -> Iterator[list[Sent]]:
    """Cut what is placed into pieces, consents and all else apart."""
    piece: list[Sent] = []
    for _, each in sorted(placed, key=lambda pair: pair[0]):
        if piece and (len(piece) == PIECE or _is_consent(each) != _is_consent(piece[-1])):
            yield piece
            piece = []
        piece.append(each)
    yield piece


def _is_consent(sent: Sent) -> bool:
    return sent.topic == "consents"
