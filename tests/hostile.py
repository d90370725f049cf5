"""Records that nobody should send, of every input topic, from a seed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from streams.codec import encode
from streams.scoring.ledger import DAY
from streams.topics import INPUTS, KINDS, partition_of
from streams.validity import EARLIEST

LARGEST_LONG = 2**63 - 1
CONSENTING = [f"citizen-{number}" for number in range(24)] + ["ünïcödé-1", "x" * 256]
STRANGERS = [f"stranger-{number}" for number in range(24)]  # nobody ever consents for them
RARE_IDS = ["", "\0partition", "\0erase", "\0", "y" * 257, "z" * 3_000, "a\0b", "../../etc/passwd"]


@dataclass(frozen=True)
class Sent:
    """A record as it is handed to a producer."""

    topic: str
    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass
class Attack:
    """Makes hostile records; the same seed gives the same ones."""

    seed: int
    partitions: int
    now: int  # Kafka's time of most records, in ms
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def consents(self) -> Iterator[Sent]:
        """Good consents, of all who ever consent; half of them see some events only."""
        for number, citizen in enumerate(CONSENTING):
            kinds = list(KINDS) if number % 2 else ["purchases", "fines"]
            grants = [
                {"scorecard": "everyday", "kinds": kinds, "covers_from": self.now - 900 * DAY},
                {"scorecard": "rider", "kinds": ["fines"], "covers_from": self.now - 90 * DAY},
            ][: 1 + number % 3]
            values = {"citizen_id": citizen, "occurred_at": self.now - DAY, "grants": grants}
            place = partition_of(citizen, self.partitions)
            key = citizen.encode()
            yield Sent("consents", place, self.now, key, encode("consents", values))

    def records(self, number: int) -> Iterator[Sent]:
        """So many records, each good or spoilt in one to three ways."""
        for _ in range(number):
            # what ends or begins a consent is rare, or nothing would be left to attack
            weights = [1 if topic in ("consents", "ticks") else 12 for topic in INPUTS]
            (topic,) = self.random.choices(INPUTS, weights)
            sent = self.good(topic)
            for _ in range(self.random.choice((0, 0, 0, 1, 1, 1, 2, 3))):
                sent = self.random.choice(WAYS)(self, sent)
            yield sent

    # ---- good records

    def good(self, topic: str) -> Sent:
        """A record that stands in its place; its values may still be refused."""
        if topic == "ticks":
            place = self.random.randrange(self.partitions)
            values = {"occurred_at": self.now - self.random.randrange(40 * DAY)}
            return Sent(topic, place, self.now, None, encode(topic, values))
        citizen = self.citizen()
        if topic == "consents" and citizen in STRANGERS:
            citizen = self.random.choice(CONSENTING)
        values = {"citizen_id": citizen, **_VALUES[topic](self)}
        place = partition_of(citizen, self.partitions) if citizen else 0
        return Sent(topic, place, self.now, citizen.encode(), encode(topic, values))

    def citizen(self) -> str:
        pick = self.random.random()
        if pick < 0.8:
            return self.random.choice(CONSENTING)
        return self.random.choice(STRANGERS if pick < 0.97 else RARE_IDS)

    def time(self) -> int:
        r = self.random
        pick = r.random()
        if pick < 0.9:
            return self.now - r.randrange(30) * DAY
        odd = (0, -1, EARLIEST, EARLIEST - 1, -LARGEST_LONG - 1, LARGEST_LONG, 1_700_000_000)
        near = (self.now + DAY, self.now + DAY + 1, self.now - 750 * DAY, self.now - 751 * DAY)
        return r.choice(odd if pick < 0.95 else near)

    def amount(self) -> int:
        odd = (0, -1, 10**12, 10**12 + 1, LARGEST_LONG, -LARGEST_LONG - 1, LARGEST_LONG - 1)
        return self.random.choice(odd) if self.random.random() < 0.1 else self.random.randrange(900)

    def text(self, usual: str) -> str:
        odd = ("", "\0", "x" * 257, "x" * 5_000, "\u202e\ud7ff", '"}{', "a\nb", "😀" * 200)
        return self.random.choice(odd) if self.random.random() < 0.03 else usual

    def event_id(self) -> str:
        return self.text(f"e{self.random.randrange(30)}")

    def money(self) -> dict[str, Any]:
        return {"amount_minor": self.amount(), "currency": self.text("USD")}

    def event(self) -> dict[str, Any]:
        return {
            "event_id": self.event_id(),
            "occurred_at": self.time(),
            "source": self.text("shop"),
        }

    def about(self) -> dict[str, Any]:
        kind = self.random.choice((*(KINDS * 8), "disputes", "", "nothing"))
        return {"kind": kind, **self.event()}

    def grants(self) -> list[dict[str, Any]]:
        odd = (-LARGEST_LONG - 1, -1, 0, LARGEST_LONG, self.now + DAY, self.now + DAY + 1)
        return [
            {
                "scorecard": self.random.choice(("everyday", "rider", "unknown", "", "\0")),
                "kinds": self.random.choices((*KINDS, "nothing", ""), k=self.random.randrange(5)),
                "covers_from": self.random.choice((self.now - 400 * DAY, *odd)),
            }
            for _ in range(self.random.choice((0, 1, 2, 2, 3, 300)))
        ]

    def shares(self) -> list[dict[str, Any]]:
        odd = (-LARGEST_LONG - 1, -1, 0, LARGEST_LONG, self.now - 20 * DAY)
        return [
            {
                "audience": self.random.choice(("bikes", "bank", "bank", "nobody", "")),
                "reveals": self.random.choices(("tier", "score"), k=self.random.randrange(4)),
                "until": self.random.choice((self.now + 90 * DAY, *odd)),
            }
            for _ in range(self.random.choice((0, 1, 1, 2, 300)))
        ]


_VALUES: dict[str, Callable[[Attack], dict[str, Any]]] = {
    "purchases": lambda a: {
        **a.event(),
        **a.money(),
        "category": a.text("books"),
        "quantity": a.amount(),
    },
    "fines": lambda a: {
        **a.event(),
        **a.money(),
        "offence": a.text("speeding"),
        "severity": a.random.choice(("minor", "moderate", "severe")),
    },
    "payments": lambda a: {
        **a.event(),
        **a.money(),
        "obligation": a.text("rent"),
        "due_on": a.random.choice((*([19_000, 20_000] * 5), 2**31 - 1, -(2**31))),
        "paid_on": a.random.choice((None, *([19_001, 20_000] * 5), 2**31 - 1)),
    },
    "consents": lambda a: {"occurred_at": a.time(), "grants": a.grants()},
    "shares": lambda a: {"occurred_at": a.time(), "shares": a.shares()},
    "disputes": lambda a: {
        "dispute_id": a.text(f"d{a.random.randrange(20)}"),
        "about": a.about(),
        "occurred_at": a.random.choice((a.now, a.now, a.now - DAY, a.time())),
        "action": a.random.choice(("open", "withdraw", "uphold", "reject")),
        "statement": a.random.choice(("", "not mine", "not mine", "s" * 500, "s" * 501)),
    },
    "corrections": lambda a: {
        "correction_id": a.text(f"c{a.random.randrange(20)}"),
        "about": a.about(),
        "occurred_at": a.time(),
        "source": a.text("shop"),
        "action": a.random.choice(("replace", "retract")),
        "amount_minor": a.random.choice((None, a.amount())),
        "quantity": a.random.choice((None, None, a.amount())),
        "severity": a.random.choice((None, None, None, "minor")),
        "category": a.random.choice((None, None, None, a.text("food"))),
    },
}


# ---- ways to spoil a record

Way = Callable[[Attack, Sent], Sent]


def flipped(a: Attack, sent: Sent) -> Sent:
    return replace(sent, value=_flipped(a, sent.value))


def key_flipped(a: Attack, sent: Sent) -> Sent:
    return replace(sent, key=_flipped(a, sent.key))


def _flipped(a: Attack, given: bytes | None) -> bytes | None:
    if not given:
        return given
    spoilt = bytearray(given)
    for _ in range(a.random.choice((1, 1, 2, 8))):
        spoilt[a.random.randrange(len(spoilt))] ^= 1 << a.random.randrange(8)
    return bytes(spoilt)


def cut(a: Attack, sent: Sent) -> Sent:
    return replace(
        sent, value=(sent.value or b"")[: a.random.randrange(len(sent.value or b"") + 1)]
    )


def lengthened(a: Attack, sent: Sent) -> Sent:
    return replace(sent, value=(sent.value or b"") + a.random.randbytes(a.random.randrange(1, 40)))


def spliced(a: Attack, sent: Sent) -> Sent:
    """A number of the greatest size, or far beyond 64 bits, in the middle of the body."""
    value = sent.value or b""
    at = a.random.randrange(len(value) + 1)
    huge = a.random.choice((b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\xff" * 60, b"\xff" * 9))
    return replace(sent, value=value[:at] + huge + value[at + a.random.randrange(9) :])


def no_value(a: Attack, sent: Sent) -> Sent:
    # a withdrawal, if it is a consent
    spared = sent.topic == "consents" and a.random.random() < 0.8
    return sent if spared else replace(sent, value=None)


def empty_value(_a: Attack, sent: Sent) -> Sent:
    return replace(sent, value=b"")


def other_schema(a: Attack, sent: Sent) -> Sent:
    number = a.random.choice((0, 1, 7, 2**32 - 1, a.random.randrange(200)))
    return replace(sent, value=b"\0" + number.to_bytes(4, "big") + (sent.value or b"")[5:])


def other_topics_value(a: Attack, sent: Sent) -> Sent:
    return replace(sent, value=a.good(a.random.choice(INPUTS)).value)


def as_json(a: Attack, sent: Sent) -> Sent:
    event = {"event_id": "1", "citizen_id": a.citizen(), "amount_minor": LARGEST_LONG}
    return replace(sent, value=json.dumps(event).encode())


def deep(a: Attack, sent: Sent) -> Sent:
    depth = a.random.choice((100, 10_000))
    nested = b"[" * depth + b"]" * depth
    return replace(sent, value=a.random.choice((b"", (sent.value or b"")[:9])) + nested)


def random_bytes(a: Attack, sent: Sent) -> Sent:
    return replace(sent, value=a.random.randbytes(a.random.randrange(300)))


def odd_key(a: Attack, sent: Sent) -> Sent:
    odd = (None, None, b"", b"\0", b"\0partition", b"\0erase", b"\0\0", b"\xff\xfe", b"k" * 3_000)
    return replace(sent, key=a.random.choice(odd))


def others_key(a: Attack, sent: Sent) -> Sent:
    return replace(sent, key=a.citizen().encode())


def others_place(a: Attack, sent: Sent) -> Sent:
    return replace(sent, partition=a.random.randrange(a.partitions))


def headed(a: Attack, sent: Sent) -> Sent:
    r = a.random
    forged: tuple[tuple[str, bytes | None], ...] = (
        ("plainscore.moved", r.choice((b"1", b"", None))),
        ("plainscore.answers", r.choice((b"0", b"-1", b"\xff", None))),
        ("receipt_id", r.choice((b"", b"\xff\xfe", None, b"r" * 5_000, (sent.key or b"")[:99]))),
        ("plainscore.reason", b"forged"),
        ("__streams.errors.offset", b"forged"),
        ("plainscore.bare", b"true"),
        ("", b""),
        ("ü" * 200, b"x"),
        ("large", b"h" * r.choice((300, 30_000))),
    )
    chosen = r.sample(forged, r.choice((1, 1, 2, 5)))
    if r.random() < 0.05:
        chosen += [(f"h{n}", b"v") for n in range(300)]
    return replace(sent, headers=(*sent.headers, *chosen))


def oversized(a: Attack, sent: Sent) -> Sent:
    if a.random.random() < 0.8:  # rare: they fill the disk
        return sent
    more = a.random.choice((60_000, 65_536, 70_000, 400_000, 1_000_000)) * b"\0"
    if a.random.random() < 0.2:
        return replace(sent, key=(sent.key or b"") + more)
    return replace(sent, value=(sent.value or b"") + more)


def misdated(a: Attack, sent: Sent) -> Sent:
    """Kafka's time is the sender's word too; a broker refuses only what is too far ahead."""
    return replace(sent, timestamp=a.now - a.random.choice((DAY, 3 * DAY, 900 * DAY, a.now - 1)))


WAYS: tuple[Way, ...] = (
    flipped,
    flipped,
    key_flipped,
    cut,
    lengthened,
    spliced,
    no_value,
    empty_value,
    other_schema,
    other_topics_value,
    as_json,
    deep,
    random_bytes,
    odd_key,
    others_key,
    others_place,
    others_place,
    headed,
    headed,
    oversized,
    misdated,
)
