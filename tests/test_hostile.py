"""Whatever is published, a worker goes on, and every record is accounted for."""

import os
import shutil
import subprocess
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, Producer
from prometheus_client.parser import text_string_to_metric_families

from streams import dead_letters
from streams.codec import decode, encode, unpack
from streams.dead_letters import DeadLetter
from streams.embedded import Broker
from streams.kinds import kinds
from streams.marks import ANSWERS, HEARTBEAT, MOVED, RECEIPT
from streams.process.entries import LARGEST_PARTS, MOST_PARTS
from streams.published import Published
from streams.record import Record
from streams.scorecards import example
from streams.scorecards import read as read_page
from streams.scoring.ledger import DAY, Entry, standing
from streams.scoring.recount import EventRef, recount
from streams.state import read_citizen, read_entry, write_citizen
from streams.topics import GATE, INPUTS, TOPICS, partition_of
from streams.validity import id_problem
from tests.hostile import CONSENTING, STRANGERS, Attack, Sent
from tests.lane_world import PARTITIONS, Worker, World, wait_for
from tests.memory import NOW, Lane, published

Counts = Counter[tuple[str, str, str]]
Place = tuple[str, int, int]  # topic, partition, offset


# ---- the account


def account_for(
    sent: set[Place],
    inputs: Sequence[Record],
    counts: Counts,
    letters: Iterable[DeadLetter],
    partitions: int,
) -> None:
    """Assert that what became of the records adds up to what was published, exactly.

    sent: where the attack's records came to stand. inputs: all that the input topics hold, so with
    what a worker moved there or said there in answer.
    """
    standing = {(r.topic, r.partition, r.offset): r for r in inputs}
    assert len(standing) == len(inputs)
    assert sent <= standing.keys()
    ours = [record for place, record in standing.items() if place not in sent]
    moved = Counter(r.topic for r in ours if _has(r, MOVED) and _at_home(r, partitions))
    others = Counter(r.topic for r in ours if not (_has(r, MOVED) and _at_home(r, partitions)))
    assert all(_has(r, MOVED) or _has(r, ANSWERS) or r.key == HEARTBEAT for r in ours)
    published_to = Counter(topic for topic, _, _ in sent)
    for topic in INPUTS:
        ends: Counter[str] = Counter()
        for (of, end, _), number in counts.items():
            ends[end] += number if of == topic else 0
        assert {end for end in ends if ends[end]} <= set(counted_as(topic)), topic
        # what was forwarded is counted once more, as what it came to
        assert ends["forwarded"] == moved[topic], topic
        assert ends.total() - ends["forwarded"] - others[topic] == published_to[topic], topic
    # Compaction would keep what has the last word where no citizen's erasure looks for it.
    of_gate = sorted((r for r in inputs if r.topic in GATE), key=attrgetter("offset"))
    last = {(r.topic, r.partition, r.key): r for r in of_gate}
    astray = [r for r in last.values() if r.key != HEARTBEAT and not _at_home(r, partitions)]
    assert [r for r in astray if r.value is not None] == []
    found: Counts = Counter()
    places = set()
    for letter in letters:
        refused = letter.refused
        found[refused.topic, "dead_letter", letter.reason] += 1
        places.add((refused.topic, refused.partition, refused.offset))
        record = standing[refused.topic, refused.partition, refused.offset]
        kept = (None, None) if letter.bare else (record.key, record.value)
        assert (refused.key, refused.value) == kept
        assert refused.timestamp == record.timestamp
    assert len(places) == found.total()  # none twice
    assert found == Counter({k: n for k, n in counts.items() if k[1] == "dead_letter"})


def counted_as(topic: str) -> tuple[str, ...]:
    if topic in ("consents", "shares", "ticks"):
        return ("stored", "dropped", "dead_letter", "forwarded", "passed")
    return ("scored", "dropped", "dead_letter", "forwarded", "passed")


def _has(record: Record, header: str) -> bool:
    return any(name == header for name, _ in record.headers)


def _at_home(record: Record, partitions: int) -> bool:
    try:
        name = (record.key or b"").decode()
    except UnicodeDecodeError:
        name = ""
    if id_problem(name) is not None:  # nobody's: it was moved for its value, or is a trace of that
        return record.value is not None
    return partition_of(name, partitions) == record.partition


# ---- in memory


class Attacked(Lane):
    """A lane that notes what its input topics hold."""

    def __init__(self, partitions: int = 4) -> None:
        super().__init__(published(), partitions)
        self.sent: list[Record] = []

    def take(self, each: Sent) -> Record:
        record = self.record(
            each.topic,
            None,
            key=each.key,
            timestamp=each.timestamp,
            headers=each.headers,
            value=each.value,
            partition=each.partition,
        )
        self.sent.append(record)
        return record

    def rows(self) -> list[tuple[bytes, bytes]]:
        return [row for view in (*self.citizens, *self.ledger) for row in view.rows.items()]

    def account_for(self) -> None:
        places = {(r.topic, r.partition, r.offset) for r in self.sent}
        inputs = self.sent + [record for record in self.out if record.topic in INPUTS]
        letters = [dead_letters.read(r) for r in self.out if r.topic == "dead-letters"]
        account_for(places, inputs, self.counts, letters, self.options.partitions)


def attacked(number: int, seed: int) -> Attacked:
    lane = Attacked()
    attack = Attack(seed, 4, NOW)
    lane.run([lane.take(sent) for sent in attack.consents()])
    batch = []
    for sent in attack.records(number):
        batch.append(lane.take(sent))
        if len(batch) >= 200:
            lane.run(batch)
            batch = []
            if attack.random.random() < 0.1:
                lane.restart()
    lane.run(batch)
    return lane


def test_whatever_comes_every_record_is_accounted_for() -> None:
    """Scored, stored, dropped, dead-lettered and passed over are together what was published."""
    lane = attacked(6_000, seed=1)
    lane.account_for()
    reasons = {reason for _, end, reason in lane.counts if end == "dead_letter"}
    rare = {"entry_full", "conflicting_duplicate", "too_old_to_move"}
    assert set(dead_letters.REASONS) - reasons <= rare
    for citizen_id in CONSENTING:
        citizen = lane.citizen(citizen_id)
        if citizen is None:
            continue
        for account in citizen.accounts.values():
            scorecard = lane.published.of(account)
            again = recount(
                citizen_id, lane.ledger_of(citizen_id), citizen.grants, citizen.as_of, scorecard
            )
            assert (account.score, account.tier) == (again.score, again.tier)
    for record in lane.out:
        if record.topic not in INPUTS and _names(record, STRANGERS):
            # bytes that name nobody are kept: whose they are could not be known
            assert record.topic == "dead-letters"
            assert dead_letters.read(record).reason in UNREADABLE
    assert not any(_names(row, STRANGERS) for row in lane.rows())


UNREADABLE = ("undecodable", "wrong_magic", "unknown_schema", "oversized")


def _names(record: Record | tuple[bytes, bytes], names: Iterable[str]) -> bool:
    parts = (record.key, record.value) if isinstance(record, Record) else record
    return any(name.encode() in part for part in parts if part for name in names)


# ---- one way at a time


@pytest.fixture
def lane() -> Attacked:
    """One citizen who lets two scorecards read all, after a tick."""
    made = Attacked()
    made.run([send(made, "ticks", {"occurred_at": NOW - DAY}, partition=p) for p in range(4)])
    made.run([send(made, "consents", consent())])
    return made


def consent(*scorecards: str, citizen: str = "c-1") -> dict[str, object]:
    kinds = ["purchases", "fines", "payments"]
    grants = [
        {"scorecard": name, "kinds": kinds, "covers_from": NOW - 90 * DAY}
        for name in scorecards or ("everyday", "rider")
    ]
    return {"citizen_id": citizen, "occurred_at": NOW, "grants": grants}


def fine(event_id: str = "f-1", citizen: str = "c-1", **changes: object) -> dict[str, object]:
    return {
        "event_id": event_id,
        "citizen_id": citizen,
        "occurred_at": NOW - 10 * DAY,
        "source": "police",
        "offence": "speeding",
        "severity": "moderate",
        "amount_minor": 5_000,
        "currency": "USD",
        **changes,
    }


def dispute(dispute_id: str, action: str = "open", statement: str = "") -> dict[str, object]:
    about = {"kind": "fines", "source": "police", "event_id": "f-1", "occurred_at": NOW - 10 * DAY}
    return {
        "dispute_id": dispute_id,
        "citizen_id": "c-1",
        "about": about,
        "occurred_at": NOW,
        "action": action,
        "statement": statement,
    }


def send(lane: Attacked, topic: str, values: dict[str, object] | None, **given: object) -> Record:
    record = lane.record(topic, values, **given)  # type: ignore[arg-type]
    lane.sent.append(record)
    return record


def correction(number: int, offence: str = "parking") -> dict[str, object]:
    """One of the same fine as a dispute's, or of an earlier one under its id."""
    about: dict[str, object] = dispute("d-1")["about"]  # type: ignore[assignment]
    return {
        **dict.fromkeys(name for kind in kinds().values() for name in kind.fields),
        "correction_id": f"k-{number}",
        "citizen_id": "c-1",
        "about": {**about, "occurred_at": NOW - 10 * DAY - number},
        "occurred_at": NOW,
        "source": "police",
        "action": "replace",
        "offence": offence,
    }


HOME = partition_of("c-1", 4)
AWAY = (HOME + 1) % 4


@pytest.mark.parametrize("key", [b"\0partition", b"\0erase", b"\0", b"\0\0", b"k" * 70_000])
def test_no_key_reaches_the_rows_of_the_worker_itself(lane: Attacked, key: bytes) -> None:
    """Nor one that no citizen can have, whatever its length."""
    values = (b"{}", None, encode("fines", fine(citizen=key.decode()[:20])))
    for topic, value, place in product(INPUTS, values, range(4)):
        lane.run([send(lane, topic, None, key=key, value=value, partition=place)])
    lane.account_for()
    assert all(len(name) < 300 for known in lane.known for name in known)


@pytest.mark.parametrize("key", [b"", b"\xff", b"\0c-1"])
@pytest.mark.parametrize("place", [HOME, AWAY])
def test_a_key_that_names_nobody_is_refused_wherever_it_stands(
    lane: Attacked, key: bytes, place: int
) -> None:
    """Where a record came to stand does not make it a good one."""
    value = encode("fines", fine())
    lane.run([send(lane, "fines", None, key=key, value=value, partition=place)])
    assert not lane.ledger_of("c-1")
    assert lane.counts["fines", "dead_letter", "key_mismatch"] == 1
    value = encode("consents", consent("rider"))
    lane.run([send(lane, "consents", None, key=key, value=value, partition=place)])
    citizen = lane.citizen("c-1")
    assert citizen is not None
    assert len(citizen.grants) == 2
    lane.account_for()


def test_a_withdrawal_in_another_partition_is_carried_out(lane: Attacked) -> None:
    """It is moved to the citizen's, and there it is no mere trace of a record that was moved."""
    headers = [(RECEIPT, b"r-1"), *((f"h{number}", b"x") for number in range(99))]
    lane.run([send(lane, "consents", None, key=b"c-1", partition=AWAY, headers=headers)])
    assert lane.citizen("c-1") is None
    assert [receipt["receipt_id"] for receipt in lane.values("receipts")] == ["r-1"]
    lane.account_for()


def test_what_says_it_was_moved_and_was_not_keeps_nobodys_bytes(lane: Attacked) -> None:
    """Whether its citizen has consented is not known there."""
    moved = [(MOVED, b"1"), ("trace", b"stranger")]
    lane.run(
        [
            send(lane, "fines", fine(citizen="stranger"), partition=p, headers=moved)
            for p in range(4)
        ]
    )
    letters = [r for r in lane.out if r.topic == "dead-letters"]
    assert [dead_letters.read(r).reason for r in letters] == ["misplaced"] * 3
    assert not any(b"stranger" in repr(r).encode() for r in letters)
    lane.account_for()


@pytest.mark.parametrize("part", ["key", "value", "headers"])
def test_nothing_is_written_that_a_broker_would_not_take(lane: Attacked, part: str) -> None:
    """It would be refused for ever, and nothing behind it would be read. What is in force stays."""
    much = b"c-1" * 700_000
    given: dict[str, Any] = {"key": b"c-1", "value": b"", part: much}
    given["headers"] = [(ANSWERS, much), (RECEIPT, much), ("h", much)] if part == "headers" else []
    for topic, place in product(INPUTS, (HOME, AWAY)):
        lane.run([send(lane, topic, None, partition=place, **given)])
    for record in lane.out:
        own = sum(4 * len(name) + len(value or b"") for name, value in record.headers)
        assert len(record.key or b"") + len(record.value or b"") + own < 1_010_000
    assert lane.citizen("c-1") is not None
    last = {(r.topic, r.key): r.value for r in lane.out if r.partition == HOME}
    if part != "key":
        assert last["consents", b"c-1"] is not None
        assert last["shares", b"c-1"] is None
    lane.account_for()


@pytest.mark.parametrize("key", [None, b"\xff", b"c-1"])
def test_of_what_is_oversized_nothing_is_kept_that_names_a_stranger(
    lane: Attacked, key: bytes | None
) -> None:
    """Though its key does not."""
    value = encode("fines", fine(citizen="stranger", offence="x" * 70_000))
    for place in range(4):
        lane.run([send(lane, "fines", None, key=key, value=value, partition=place)])
    assert not [r for r in lane.out if r.topic == "dead-letters"]
    assert lane.counts["fines", "dropped", "no_consent"] == 4
    lane.account_for()


@pytest.mark.parametrize("key", [b"stranger", b"c-1", b"\xff"])
def test_no_consent_stays_in_the_log_because_it_is_enormous(lane: Attacked, key: bytes) -> None:
    """What stands there under its key is what is in force, also if that is nothing."""
    for topic, place in product(("consents", "shares"), range(4)):
        lane.run([send(lane, topic, None, key=key, value=bytes(1_000_001), partition=place)])
        last = {r.partition: r for r in lane.out if r.topic == topic and r.key == key}
        in_force = topic == "consents" and key == b"c-1" and place == HOME
        assert (last[place].value is not None) == in_force
    lane.account_for()


def test_an_event_holds_so_many_disputes_and_no_more(lane: Attacked) -> None:
    """Each further one would read and write all of them; what ends one is always taken."""
    lane.run([send(lane, "fines", fine())])
    lane.run([send(lane, "disputes", dispute(f"d-{n}", statement="x" * 500)) for n in range(300)])
    full = [r for r in lane.out if r.topic == "dead-letters"]
    assert len(full) == 300 - MOST_PARTS
    assert {dead_letters.read(r).reason for r in full} == {"entry_full"}
    assert all(len(value) <= LARGEST_PARTS for v in lane.ledger for value in v.rows.values())
    ends = [send(lane, "disputes", dispute(f"d-{n}", "withdraw")) for n in range(100)]
    lane.run(ends)
    assert lane.counts["disputes", "scored", ""] == 2 * MOST_PARTS
    lane.run([send(lane, "disputes", dispute("d-0", statement="x"))])
    lane.account_for()


def test_an_event_that_holds_no_byte_more_takes_what_ends_a_dispute(lane: Attacked) -> None:
    lane.run([send(lane, "fines", fine()), send(lane, "disputes", dispute("d-0"))])
    long = "\U0001f6a6" * 500  # of four bytes each
    lane.run([send(lane, "disputes", dispute(f"d-{n}", statement=long)) for n in range(1, 40)])
    taken = lane.counts["disputes", "scored", ""]
    shorter = iter(range(500, 0, -1))
    while lane.counts["disputes", "scored", ""] == taken:  # until one fills it up
        lane.run([send(lane, "disputes", dispute("d-40", statement=long[: next(shorter)]))])
    lane.run([send(lane, "disputes", dispute("d-0", "uphold"))])
    (entry,) = lane.ledger_of("c-1").values()
    assert entry.disputes["d-0", NOW - 10 * DAY].upheld
    lane.account_for()


@pytest.mark.parametrize("size", [1, 700])
def test_a_source_cannot_leave_a_dispute_without_a_place(lane: Attacked, size: int) -> None:
    """Nor can disputes keep its source from correcting an event."""
    lane.run([send(lane, "fines", fine())])
    lane.run([send(lane, "corrections", correction(n, "x" * size)) for n in range(300)])
    assert lane.counts["corrections", "dead_letter", "entry_full"] >= 200
    lane.run([send(lane, "disputes", dispute(f"d-{n}", statement="x" * 500)) for n in range(100)])
    assert lane.counts["disputes", "scored", ""] == 100
    (entry,) = lane.ledger_of("c-1").values()
    assert standing(entry) is None
    other = Attacked()
    other.run([send(other, "consents", consent()), send(other, "fines", fine())])
    other.run([send(other, "disputes", dispute(f"d-{n}", "withdraw")) for n in range(100)])
    other.run([send(other, "corrections", correction(0))])
    (entry,) = other.ledger_of("c-1").values()
    assert entry.corrections
    lane.account_for()


def test_amounts_are_added_up_beyond_what_one_number_of_avro_holds() -> None:
    """Nine million of the largest come to more; a row that could not be written would stop all."""
    held = Published()
    page = example("everyday").replace("max_per_event: 50000", f"max_per_event: {10**12}")
    held.add(read_page(page))
    lane = Lane(held)
    purchase = {**fine(), "category": "garden", "quantity": 1, "amount_minor": 10**12}
    purchase = {k: v for k, v in purchase.items() if k not in ("offence", "severity")}
    lane.run([lane.record("consents", consent("everyday")), lane.record("purchases", purchase)])
    citizen = lane.citizen("c-1")
    assert citizen is not None
    (account,) = citizen.accounts.values()
    (row,) = account.totals.values()
    place = row.index(10**12)
    row[place] = 9_223_372 * 10**12  # as if so many had come
    lane.citizens[0].put(b"c-1", write_citizen(citizen))
    lane.restart()
    lane.run([lane.record("purchases", {**purchase, "event_id": "one more"})])
    lane.restart()
    citizen = lane.citizen("c-1")
    assert citizen is not None
    (account,) = citizen.accounts.values()
    (row,) = account.totals.values()
    assert row[place] == 9_223_373 * 10**12


def test_a_flood_of_consents_reads_no_more_in_a_batch_than_others_may(
    lane: Attacked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has the ledger read: a transaction that did so for all would be tried for ever."""
    lane.run([send(lane, "fines", fine(f"f-{n}")) for n in range(40)])
    monkeypatch.setattr("streams.process.batch.ROWS_A_BATCH", 5)
    read, scan, process_one = [0], lane.ledger[HOME].scan, lane._process

    def counted(*given: Any) -> list[tuple[bytes, bytes]]:
        rows = scan(*given)
        read[-1] += len(rows)
        return rows

    def in_a_batch(partition: int, records: list[Record]) -> bool:
        read.append(0)
        return process_one(partition, records)

    monkeypatch.setattr(lane.ledger[HOME], "scan", counted)
    monkeypatch.setattr(lane, "_process", in_a_batch)
    flood = [send(lane, "consents", consent(name)) for name in ("rider", "everyday") * 5]
    later = send(lane, "fines", fine("f-40"))
    lane.run([*flood, later])
    assert max(read) == 5
    assert sum(read) >= 40 * len(flood)
    citizen = lane.citizen("c-1")
    assert citizen is not None
    assert [grant.scorecard for grant in citizen.grants] == ["everyday"]
    assert len(lane.ledger_of("c-1")) == 41
    narrow = consent()
    narrow["grants"] = [{**grant, "kinds": ["payments"]} for grant in narrow["grants"]]  # type: ignore[attr-defined]
    lane.run([send(lane, "consents", each) for each in (narrow, consent())])
    assert max(read) == 5
    assert not lane.ledger_of("c-1")  # what one has let go is gone, whatever the next lets in
    lane.account_for()


def test_a_list_that_every_event_would_have_to_go_through_is_refused(lane: Attacked) -> None:
    """Of grants and of shares, and of what each holds."""
    good = consent()
    grant = good["grants"][0]  # type: ignore[index]
    share = {"audience": "bank", "reveals": ["tier"], "until": NOW + DAY}
    shares = {"citizen_id": "c-1", "occurred_at": NOW, "shares": [share] * 101}
    long = {**share, "reveals": ["tier"] * 101}
    lane.run(
        [
            send(lane, "consents", {**good, "grants": [grant] * 101}),
            send(lane, "consents", {**good, "grants": [{**grant, "kinds": ["fines"] * 101}]}),
            send(lane, "shares", shares),
            send(lane, "shares", {**shares, "shares": [long]}),
        ]
    )
    assert lane.counts["consents", "dead_letter", "list_too_long"] == 2
    assert lane.counts["shares", "dead_letter", "list_too_long"] == 2
    lane.account_for()


@pytest.mark.parametrize("topic", ["consents", "shares"])
def test_nothing_of_a_person_is_written_under_anothers_key(lane: Attacked, topic: str) -> None:
    """An erasure would not find it there."""
    value = encode(topic, {"consents": consent(), "shares": SHARED}[topic])
    for key in (b"\xff", b"\0", b"", b"c-2", b"k" * 300):
        for headers in ((), ((ANSWERS, b"1"),), ((MOVED, b"1"),)):
            lane.run(
                [send(lane, topic, None, key=key, value=value, partition=HOME, headers=headers)]
            )
    last = {r.key: r.value for r in lane.out if r.topic == topic}
    assert {key for key, value in last.items() if value is not None} <= {b"c-1"}
    lane.account_for()


SHARED = {
    "citizen_id": "c-1",
    "occurred_at": NOW,
    "shares": [{"audience": "bank", "reveals": ["tier"], "until": NOW + DAY}],
}


def test_shares_that_ended_stay_so_after_a_restart(lane: Attacked) -> None:
    """What they changed is in the changelog."""
    lane.run([send(lane, "shares", SHARED)])
    lane.run([send(lane, "shares", None, key=b"c-1")])
    lane.restart()
    citizen = lane.citizen("c-1")
    assert citizen is not None
    assert (citizen.shares, citizen.shared_at) == ((), None)
    lane.run([send(lane, "fines", fine())])
    assert [each["ended"] for each in lane.values("score-changes.bank")] == [
        False,
        False,
        True,
        True,
    ]


def test_a_receipt_holds_nothing_of_the_person_who_asks_for_it(lane: Attacked) -> None:
    """Not even if its client puts it there, nor a part of what is longer than a receipt's id."""
    long = "someone@" + 80 * "x"
    for name in ("c-1", long):
        header = f"{name}, please".encode()
        lane.run([send(lane, "consents", None, key=name.encode(), headers=[(RECEIPT, header)])])
    for receipt in lane.values("receipts"):
        assert "c-1" not in str(receipt)
        assert "someone" not in str(receipt)


def test_a_bad_tick_that_names_a_stranger_is_not_kept(lane: Attacked) -> None:
    """The gate comes first for every topic."""
    ahead = encode("ticks", {"occurred_at": NOW + 2 * DAY})
    for value in (ahead, b"{}", None):
        lane.run(
            [send(lane, "ticks", None, key=b"stranger", value=value, partition=p) for p in range(4)]
        )
    assert lane.counts["ticks", "dropped", "no_consent"] == 12
    assert not [r for r in lane.out if r.topic == "dead-letters"]


def test_scores_by_tier_are_counted_through_grants_that_come_and_go(lane: Attacked) -> None:
    """A closed account leaves its tier; a withdrawal leaves none behind."""
    tiers: Counter[tuple[str, str]] = Counter()
    steps = [consent("rider"), consent("everyday"), consent(), consent("unknown"), consent("rider")]
    lane.outcome.tiers.clear()
    start = Attacked()
    for values in [consent(), *steps]:
        start.run([send(start, "consents", values)])
        tiers.update(start.outcome.tiers)
        citizen = start.citizen("c-1")
        assert citizen is not None
        held = Counter((a.key.scorecard, a.tier) for a in citizen.accounts.values())
        assert +tiers == held
        assert min(tiers.values(), default=0) >= 0
    start.run([send(start, "consents", None, key=b"c-1")])
    tiers.update(start.outcome.tiers)
    assert not any(tiers.values())


# ---- on a real Kafka

NUMBER = int(os.environ.get("PLAINSCORE_HOSTILE", "20000"))
# A header's name need not be UTF-8; librdkafka's Python cannot send such a one, kcat can.
KCAT = ["kcat", "-P", "-H", b"\xff\xfe=x", "-k", b"citizen-1", "-X", "message.timeout.ms=20000"]


class Sender:
    """Sends an attack, and notes where each record came to stand."""

    def __init__(self, world: World) -> None:
        self.prefix = world.prefix
        self.places: set[Place] = set()
        self._producer = Producer(
            {"bootstrap.servers": world.brokers, "message.max.bytes": 4_000_000, "linger.ms": 5}
        )

    def send(self, records: Iterable[Sent]) -> None:
        for each in records:
            compacted = TOPICS[each.topic].cleanup == "compact"
            while True:
                try:
                    self._producer.produce(
                        self.prefix + each.topic,
                        each.value,
                        # such a topic takes nothing without a key
                        each.key or (b"" if compacted else None),
                        each.partition,
                        timestamp=each.timestamp,
                        headers=list(each.headers),
                        on_delivery=self._noted,
                    )
                    break
                except BufferError:
                    self._producer.poll(0.1)
            self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def _noted(self, error: KafkaError | None, message: Message) -> None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert error is None, error
        if topic is not None and partition is not None and offset is not None:
            self.places.add((topic.removeprefix(self.prefix), partition, offset))


def counted(worker: Worker) -> Counts:
    """What the worker tells Prometheus of the records that it read."""
    url = worker.events("metrics_served")[0]["url"]
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    return Counter(
        {
            (sample.labels["topic"], sample.labels["outcome"], sample.labels["reason"]): int(
                sample.value
            )
            for family in families
            for sample in family.samples
            if sample.name == "plainscore_events_total"
        }
    )


@pytest.mark.kafka
@pytest.mark.timeout(900)
def test_a_worker_goes_on_and_every_record_is_accounted_for(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """Counted outside of it: from its metrics, the dead letters, and what the attack sent."""
    with World(broker.bootstrap, prefix, tmp_path) as world:
        worker = world.worker().wait_ready()
        sender = Sender(world)
        attack = Attack(7, PARTITIONS, int(time.time() * 1000))
        sender.send(attack.consents())
        world.wait_done()
        sender.send(attack.records(NUMBER))
        assert len(sender.places) == NUMBER + len(CONSENTING)
        world.wait_done(600)  # else the worker may forward a record to where kcat's should stand
        if shutil.which("kcat"):
            command = [*KCAT, "-b", world.brokers, "-t", f"{prefix}fines", "-p", "1"]
            sender.places.add(("fines", 1, world.outsider.ends(["fines"])["fines", 1]))
            subprocess.run(command, input=b"hello\n", check=True, timeout=60)
        good = encode("fines", fine("last", "citizen-1", occurred_at=attack.now))
        place = partition_of("citizen-1", PARTITIONS)
        sender.send([Sent("fines", place, attack.now, b"citizen-1", good)])
        seen = world.wait_done()
        total = sum(len(seen[topic]) for topic in INPUTS)
        wait_for(lambda: counted(worker).total() >= total, 30, "all is counted")
        inputs = [record for topic in INPUTS for record in seen[topic]]
        letters = [dead_letters.read(record) for record in seen["dead-letters"]]
        account_for(sender.places, inputs, counted(worker), letters, PARTITIONS)
        assert worker.count("plainscore_transactions_total", end="unclear") == 0
        worker.stop()
        assert scores_differing(seen, world) == []


def scores_differing(seen: Mapping[str, list[Record]], world: World) -> list[Any]:
    """Latest scores that are not what `recount` makes of the changelogs."""
    ledgers: dict[str, dict[EventRef, Entry]] = defaultdict(dict)
    for key, value in latest(seen["ledger-changelog"]).items():
        owner, _, kind, source, event_id = (part.decode("utf-8", "replace") for part in unpack(key))
        ledgers[owner][EventRef(kind, source, event_id)] = read_entry(value)
    expected = {}
    for key, value in latest(seen["citizens-changelog"]).items():
        if not key.startswith(b"\0"):
            citizen = read_citizen(key.decode(), value)
            for account in citizen.accounts.values():
                card = world.cards[account.key.scorecard]
                again = recount(
                    citizen.id, ledgers[citizen.id], citizen.grants, citizen.as_of, card
                )
                expected[citizen.id, card.id] = (again.score, again.tier)
    found = {}
    for value in latest(seen["scores"]).values():
        score = decode("scores", value)
        found[score["citizen_id"], score["scorecard"]] = (score["score"], score["tier"])
    assert found
    return [key for key in expected | found if expected.get(key) != found.get(key)]


def latest(records: Iterable[Record]) -> dict[bytes, bytes]:
    last = {record.key: record.value for record in records if record.key is not None}
    return {key: value for key, value in last.items() if value is not None}
