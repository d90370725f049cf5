"""The stored form of a citizen, an entry, a partition and an erasure, and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, NamedTuple

from streams.codec import decode_state, encode_state
from streams.scoring.citizen import Account, AccountKey, Cause, Citizen, Grant, Share, Work
from streams.scoring.ledger import Correction, Dispute, Entry, Fact
from streams.scoring.totals import Totals

# Rows of the table `citizens` that are no citizen's: no id may begin with a zero byte.
PARTITION_KEY = b"\x00partition"
ERASURE = b"\x00erase"


@lru_cache(maxsize=4_096)
def shared(text: str) -> str:
    """Give one and the same object for equal texts: scorecards, kinds and tiers have few names."""
    return text


_BY_KEY = itemgetter(0)
_MOST: Final = 2**63 - 1  # of a number as Avro has it; nine million events can come to more
_NOT_YET = 0  # stands for an offset until `apply.read_again` has worked it out


@dataclass(slots=True)
class Partition:
    """What is kept once per partition: the greatest tick, and the sweep for versions in force."""

    tick: int | None = None
    tick_cause: str = ""  # topic-partition-offset of that tick
    sweep: bytes | None = None  # the citizen up to which the sweep has come; None: none is on
    swept: tuple[str, ...] = ()  # id@version of those in force when the last sweep began


@dataclass(slots=True)
class Erasure:
    """A withdrawn citizen's ledger, being erased piece by piece."""

    prefix: bytes = field(repr=False)  # of its ledger keys
    receipt_id: str
    withdrawn_at: int
    scorecards: int
    shares: int
    entries: int = 0


# ---- entry


def write_fact(occurred_at: int, content: str) -> bytes:
    """Write an entry that is a fact alone, as `write_entry` does."""
    return encode_state("entry", ((occurred_at, content), (), ()))


def read_entry(value: bytes) -> Entry:
    """Read an entry of the ledger."""
    stored = decode_state("entry", value)
    fact = stored["fact"]
    return Entry(
        None if fact is None else Fact(fact["occurred_at"], fact["content"]),
        {
            (d["dispute_id"], d["named"]): Dispute(
                d["opened_at"], d["statement"], d["withdrawn_at"], d["decided_at"], d["upheld"]
            )
            for d in stored["disputes"]
        },
        {
            c["named"]: Correction(c["occurred_at"], c["content"], c["correction_id"])
            for c in stored["corrections"]
        },
    )


def write_entry(entry: Entry) -> bytes:
    """Write an entry; equal entries give equal bytes."""
    disputes = [(*key, *step) for key, step in sorted(entry.disputes.items())]
    corrections = [(named, *part) for named, part in sorted(entry.corrections.items())]
    return encode_state("entry", (entry.fact, disputes, corrections))


# ---- citizen


def read_citizen(citizen_id: str, value: bytes) -> Citizen:
    """Read a citizen's row."""
    stored = decode_state("citizen", value)
    work = stored["work"]
    accounts = [_read_account(account) for account in stored["accounts"]]
    return Citizen(
        citizen_id,
        stored["since"],
        stored["as_of"],
        read_grants(stored["grants"]),
        stored["granted_at"],
        stored["oldest"],
        read_shares(stored["shares"]),
        stored["shared_at"],
        {account.key: account for account in accounts},
        {
            AccountKey(closed["scorecard"], closed["shadow"]): closed["sequence"]
            for closed in stored["closed"]
        },
        stored["due"],
        None
        if work is None
        else Work(
            Cause(work["cause_kind"], work["cause_id"]),
            [
                Account(
                    AccountKey(building["scorecard"], building["shadow"]),
                    building["version"],
                    _read_totals(building["totals"], 0),
                    _NOT_YET,
                )
                for building in work["accounts"]
            ],
            work["cursor"],
            work["oldest"],
        ),
    )


def write_citizen(citizen: Citizen) -> bytes:
    """Write a citizen's row; equal citizens give equal bytes."""
    work = citizen.work
    closed = [(*key, sequence) for key, sequence in sorted(citizen.sequences.items())]
    return encode_state(
        "citizen",
        (
            citizen.since,
            citizen.as_of,
            citizen.oldest,
            citizen.grants,
            citizen.granted_at,
            citizen.shares,
            citizen.shared_at,
            _write_accounts(citizen.accounts),
            closed,
            citizen.due,
            None if work is None else _write_work(work),
        ),
    )


def read_grants(stored: Iterable[dict[str, Any]]) -> tuple[Grant, ...]:
    """Read grants, of a record or of a row."""
    return tuple(
        Grant(shared(g["scorecard"]), tuple(map(shared, g["kinds"])), g["covers_from"])
        for g in stored
    )


def read_shares(stored: Iterable[dict[str, Any]]) -> tuple[Share, ...]:
    """Read shares, of a record or of a row."""
    return tuple(Share(s["audience"], tuple(s["reveals"]), s["until"]) for s in stored)


def _read_account(stored: dict[str, Any]) -> Account:
    return Account(
        AccountKey(shared(stored["scorecard"]), stored["shadow"]),
        stored["version"],
        _read_totals(stored["totals"], stored["period"]),
        _NOT_YET,
        stored["period"],
        stored["sequence"],
        score=stored["score"],
        tier=shared(stored["tier"]),
    )


def _write_accounts(accounts: Mapping[AccountKey, Account]) -> list[tuple[Any, ...]]:
    return [
        (
            key.scorecard,
            account.version,
            key.shadow,
            account.sequence,
            account.period,
            _write_totals(account.totals, account.period),
            account.score,
            account.tier,
        )
        for key, account in sorted(accounts.items(), key=_BY_KEY)
    ]


def _write_work(work: Work) -> tuple[Any, ...]:
    accounts = [
        (each.key.scorecard, each.version, each.key.shadow, _write_totals(each.totals, 0))
        for each in work.accounts
    ]
    return (work.cursor, work.cause.kind, work.cause.id, work.oldest, accounts)


def _read_totals(flat: Sequence[int], now: int) -> Totals:
    """Read (place, periods before `now`, amount) after one another, each place once or more often;
    rows end where amounts do.
    """
    totals: Totals = {}
    for at in range(0, len(flat), 3):
        place, row = flat[at], totals.setdefault(now - flat[at + 1], [])
        row += [0] * (place + 1 - len(row))
        row[place] += flat[at + 2]
    return totals


def _write_totals(totals: Totals, now: int) -> list[int]:
    """Write rows, which are of one length, in the order that `_read_totals` names."""
    flat: list[int] = []
    rows = sorted(totals.items(), reverse=True) if len(totals) > 1 else list(totals.items())
    for place in range(len(rows[0][1]) if rows else 0):
        for period, row in rows:
            amount = row[place]
            while amount > _MOST:
                flat += (place, now - period, _MOST)
                amount -= _MOST
            if amount:
                flat.append(place)
                flat.append(now - period)
                flat.append(amount)
    return flat


# ---- partition and erasure


def read_partition(value: bytes | None) -> Partition:
    """Read a partition's row; without one nothing has ticked yet."""
    if value is None:
        return Partition()
    stored = decode_state("partition", value)
    return Partition(stored["tick"], stored["tick_cause"], stored["sweep"], tuple(stored["swept"]))


def write_partition(partition: Partition) -> bytes:
    """Write a partition's row."""
    return encode_state(
        "partition",
        {
            "tick": partition.tick,
            "tick_cause": partition.tick_cause,
            "sweep": partition.sweep,
            "swept": list(partition.swept),
        },
    )


def read_erasure(key: bytes, value: bytes) -> Erasure:
    """Read the row of an erasure that is on."""
    stored = decode_state("erasure", value)
    return Erasure(
        key.removeprefix(ERASURE),
        stored["receipt_id"],
        stored["withdrawn_at"],
        stored["scorecards"],
        stored["shares"],
        stored["entries"],
    )


def write_erasure(erasure: Erasure) -> bytes:
    """Write the row of an erasure that is on; its key is ERASURE and the prefix."""
    return encode_state(
        "erasure",
        {
            "receipt_id": erasure.receipt_id,
            "withdrawn_at": erasure.withdrawn_at,
            "scorecards": erasure.scorecards,
            "shares": erasure.shares,
            "entries": erasure.entries,
        },
    )


class Standing(NamedTuple):
    """What is kept account of for a row of the table `citizens`."""

    due: int | None  # when it must be looked at (ms); 0: at once, None: never
    citizens: int = 0  # 1, unless the row is the partition's own
    tiers: tuple[tuple[str, str], ...] = ()  # of its latest scores: (scorecard, tier)


def standing_of(key: bytes, value: bytes) -> Standing:
    """Read what is kept account of for a row of the table `citizens`."""
    if key.startswith(b"\x00"):
        return Standing(0 if key.startswith(ERASURE) else None)
    citizen = decode_state("standing", value)
    tiers = [
        (account["scorecard"], account["tier"])
        for account in citizen["accounts"]
        if not account["shadow"] and account["tier"]
    ]
    return Standing(citizen["due"], 1, tuple(tiers))
