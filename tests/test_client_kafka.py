"""The client against a real Kafka: what it sends, reads and sets up."""

import asyncio
import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from streams import codec, scorecards, state
from streams.client import AsyncPublisher, Publisher, Reader, Subscriber, admin
from streams.client.admin import Difference
from streams.embedded import Broker
from streams.errors import BadData, BadUsage
from streams.scoring.citizen import Citizen, Grant
from streams.scoring.ledger import Entry, Fact
from streams.topics import INPUTS, partition_of

pytestmark = pytest.mark.kafka

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
EVENT = {
    "occurred_at": NOON,
    "source": "shop",
    "category": "books",
    "amount_minor": 1499,
    "currency": "USD",
}
GRANTS: Any = [{"scorecard": "everyday", "kinds": ["purchases"], "covers_from": NOON}]
EVERYDAY = scorecards.example("everyday")


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    with Broker() as broker:
        yield broker.bootstrap


@pytest.fixture
def prefix(brokers: str) -> str:
    """Topics of the test's own."""
    prefix = f"{uuid4().hex[:8]}."
    admin.apply(brokers, prefix=prefix, audiences=["bank"])
    return prefix


@pytest.fixture
def publisher(brokers: str, prefix: str) -> Iterator[Publisher]:
    with Publisher(brokers, prefix=prefix) as publisher:
        yield publisher


def stored(brokers: str, topic: str) -> list[Message]:
    """Every committed record of a topic, partition by partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "test",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
        }
    )
    count = len(consumer.list_topics(topic).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(count)])
    found: list[Message] = []
    ended = 0
    while ended < count:
        message = consumer.poll(10)
        assert message is not None
        if message.error() is not None:
            ended += 1
        else:
            found.append(message)
    consumer.close()
    return sorted(found, key=lambda m: (m.partition() or 0, m.offset() or 0))


class Worker:
    """Writes as a worker does: in transactions."""

    def __init__(self, brokers: str, prefix: str) -> None:
        self._prefix = prefix
        self._producer = Producer(
            {"bootstrap.servers": brokers, "transactional.id": f"{prefix}{uuid4().hex}"}
        )
        self._producer.init_transactions()

    def write(
        self,
        topic: str,
        citizen_id: str,
        records: Sequence[tuple[bytes, bytes | None]],
        *,
        end: str = "commit",
    ) -> None:
        self._producer.begin_transaction()
        for key, value in records:
            partition = partition_of(citizen_id, 4)
            self._producer.produce(self._prefix + topic, value, key, partition)
        self._producer.flush()
        if end == "commit":
            self._producer.commit_transaction()
        elif end == "abort":
            self._producer.abort_transaction()

    def changes(self, *changes: tuple[str, int], end: str = "commit", since: int = 1) -> None:
        for citizen_id, sequence in changes:
            value = change(citizen_id, sequence, since)
            self.write("score-changes", citizen_id, [(citizen_id.encode(), value)], end=end)


def change(citizen_id: str, sequence: int, since: int = 1) -> bytes:
    values = {
        "change_id": f"{citizen_id}-{since}-{sequence}",
        "citizen_id": citizen_id,
        "scorecard": "everyday",
        "version": 1,
        "since": since,
        "sequence": sequence,
        "as_of": 5,
        "previous_score": None,
        "score": 600,
        "previous_tier": None,
        "tier": "fair",
        "cause": {"kind": "purchases", "id": "1"},
        "contributions": [{"characteristic": "base", "previous_points": 0, "points": 600}],
        "reasons": [],
    }
    return codec.encode("score-changes", values)


@pytest.fixture
def worker(brokers: str, prefix: str) -> Worker:
    return Worker(brokers, prefix)


# ---- topics


def test_topics_are_planned_created_and_mended(brokers: str) -> None:
    """What is missing is created, a setting that differs is set back, then nothing is left."""
    prefix = f"{uuid4().hex[:8]}."
    missing = admin.plan(brokers, prefix=prefix, partitions=3, audiences=["bank"])
    assert {each.setting for each in missing} == {"topic"}
    assert f"{prefix}score-changes.bank" in {each.topic for each in missing}
    assert Difference(f"{prefix}scorecards", "topic", "missing", "1 partitions") in missing
    done = admin.apply(brokers, prefix=prefix, partitions=3, audiences=["bank"])
    assert done == missing
    assert admin.plan(brokers, prefix=prefix, partitions=3, audiences=["bank"]) == []
    changed = ConfigResource(
        ResourceType.TOPIC,
        f"{prefix}fines",
        incremental_configs=[
            ConfigEntry("segment.ms", "777", incremental_operation=AlterConfigOpType.SET)
        ],
    )
    client = AdminClient({"bootstrap.servers": brokers})
    for answer in client.incremental_alter_configs([changed]).values():
        answer.result()
    differs = Difference(f"{prefix}fines", "segment.ms", "777", "86400000")
    deadline = time.monotonic() + 20  # Kafka answers before every broker knows
    while not (found := admin.plan(brokers, prefix=prefix, partitions=3)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found == [differs]
    assert admin.apply(brokers, prefix=prefix, partitions=3) == [differs]
    assert admin.plan(brokers, prefix=prefix, partitions=3) == []


def test_another_number_of_partitions_is_refused(brokers: str) -> None:
    """The number is fixed for life; nothing is created beside a topic that has another."""
    prefix = f"{uuid4().hex[:8]}."
    client = AdminClient({"bootstrap.servers": brokers})
    for answer in client.create_topics([NewTopic(f"{prefix}fines", 2, 1)]).values():
        answer.result()
    different = Difference(f"{prefix}fines", "partitions", "2", "4")
    deadline = time.monotonic() + 20  # Kafka answers before every broker knows
    while different not in admin.plan(brokers, prefix=prefix):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(BadUsage, match="fines has 2 partitions, and 4 were asked for"):
        admin.apply(brokers, prefix=prefix)
    assert [name for name in client.list_topics().topics if name.startswith(prefix)] == [
        f"{prefix}fines"
    ]


def test_a_topic_that_is_not_there_is_said(brokers: str) -> None:
    """Before a record is queued, and with what to do."""
    with (
        Publisher(brokers, prefix="nowhere.") as publisher,
        pytest.raises(BadUsage, match=r"nowhere\.purchases does not exist"),
    ):
        publisher.publish("purchases", {**EVENT, "citizen_id": "ann", "event_id": "1"})
    with pytest.raises(BadUsage, match=r"nowhere\.score-changes does not exist"):
        list(Subscriber(brokers, prefix="nowhere."))
    with pytest.raises(BadUsage) as refused:
        list(Subscriber(brokers, prefix="nowhere.", audience="bank"))
    assert "PLAINSCORE_AUDIENCES" in refused.value.next_step
    with (
        Reader(brokers, prefix="nowhere.") as reader,
        pytest.raises(BadUsage, match="topics apply"),
    ):
        reader.published_scorecards()


# ---- publisher


def test_records_stand_where_their_citizen_lives(
    brokers: str, prefix: str, publisher: Publisher
) -> None:
    """Placed as Kafka's Java client would, keyed by the citizen, whole."""
    citizens = ["ann", "bob", "Zoë", "李", *map(str, range(40))]
    for citizen in citizens:
        publisher.publish("purchases", {**EVENT, "citizen_id": citizen, "event_id": "1"})
    publisher.flush()
    found = stored(brokers, f"{prefix}purchases")
    assert len(found) == len(citizens)
    for message in found:
        values = codec.decode("purchases", message.value())
        assert message.key() == values["citizen_id"].encode()
        assert message.partition() == partition_of(values["citizen_id"], 4)
        assert values["occurred_at"] == NOON.timestamp() * 1000
    assert {message.partition() for message in found} == {0, 1, 2, 3}


def test_more_records_than_the_queue_holds_wait_for_kafka(brokers: str, prefix: str) -> None:
    small = {"queue.buffering.max.messages": "10"}
    with Publisher(brokers, prefix=prefix, kafka=small) as publisher:
        for number in range(500):
            values = {**EVENT, "citizen_id": "ann", "event_id": str(number)}
            publisher.publish("purchases", values)
    assert len(stored(brokers, f"{prefix}purchases")) == 500


def test_an_event_waits_for_the_consents_before_it(brokers: str, prefix: str) -> None:
    """When the event is handed over, each consent is readable already, and need not be by itself:
    what nobody waits for stays in the queue for nearly a minute here.
    """
    patient = {"linger.ms": "50000"}
    with Publisher(brokers, prefix=prefix, kafka=patient) as publisher:
        publisher.publish_scorecard(EVERYDAY)
        for number in range(50):
            consent = {"citizen_id": str(number), "occurred_at": NOON, "grants": GRANTS}
            publisher.publish("consents", consent)
        publisher.publish("purchases", {**EVENT, "citizen_id": "1", "event_id": "1"})
        assert len(stored(brokers, f"{prefix}consents")) == 50
        assert stored(brokers, f"{prefix}purchases") == []


def test_who_has_a_short_id_finds_the_receipt(publisher: Publisher) -> None:
    """A worker takes no receipt's id that holds the person's: under another, nobody finds it."""
    for name in "0123456789abcdef":
        assert name not in publisher.withdraw(name)


def test_people_s_acts_are_acknowledged_on_return(
    brokers: str, prefix: str, publisher: Publisher
) -> None:
    """Consent, withdrawal, share, dispute, correction and tick are in Kafka when the call ends."""
    about: Any = {"kind": "purchases", "source": "shop", "event_id": "1", "occurred_at": NOON}
    publisher.publish_scorecard(EVERYDAY)
    publisher.consent("ann", GRANTS)
    receipt_id = publisher.withdraw("ann")
    consent, tombstone = stored(brokers, f"{prefix}consents")
    assert codec.decode("consents", consent.value())["grants"][0]["scorecard"] == "everyday"
    assert (tombstone.key(), tombstone.value()) == (b"ann", None)
    assert tombstone.headers() == [("receipt_id", receipt_id.encode())]
    assert "ann" not in receipt_id

    to_come = time.time_ns() // 1_000_000 + 60_000
    over: Any = {"audience": "shop", "reveals": ["score"], "until": NOON}
    publisher.share("ann", [over, {"audience": "bank", "reveals": ["tier"], "until": to_come}])
    (shares,) = stored(brokers, f"{prefix}shares")
    assert codec.decode("shares", shares.value())["shares"] == [
        {"audience": "bank", "reveals": ["tier"], "until": to_come}
    ]

    dispute_id = publisher.dispute("ann", about, statement="Not mine.")
    publisher.dispute("ann", about, action="withdraw", dispute_id=dispute_id)
    opened, withdrawn = (
        codec.decode("disputes", each.value()) for each in stored(brokers, f"{prefix}disputes")
    )
    assert opened["dispute_id"] == withdrawn["dispute_id"] == dispute_id
    assert (opened["action"], withdrawn["action"]) == ("open", "withdraw")

    publisher.correct("ann", about, {"amount_minor": 5})
    publisher.correct("ann", about)
    replaced, retracted = (
        codec.decode("corrections", each.value())
        for each in stored(brokers, f"{prefix}corrections")
    )
    assert (replaced["action"], replaced["amount_minor"]) == ("replace", 5)
    assert (retracted["action"], retracted["source"]) == ("retract", "shop")

    publisher.tick(NOON)
    ticks = stored(brokers, f"{prefix}ticks")
    assert [(each.partition(), each.key()) for each in ticks] == [(p, None) for p in range(4)]


def test_what_kafka_refuses_is_bad_data(prefix: str, publisher: Publisher) -> None:
    """A time of sending in the future, as of a clock that is ahead; the topic forbids it."""
    later = time.time_ns() // 1_000_000 + 5_000_000
    publisher.publish("purchases", {**EVENT, "citizen_id": "a", "event_id": "1"}, later)
    with pytest.raises(BadData, match=r"1 record was not delivered.* clock"):
        publisher.flush()


def test_what_the_worker_would_refuse_is_not_sent(
    brokers: str, prefix: str, publisher: Publisher
) -> None:
    for wrong, reason in (
        ({"amount_minor": -1}, "negative_amount"),
        ({"amount_minor": 10**12 + 1}, "amount_too_large"),
        ({"quantity": -1}, "negative_quantity"),
        ({"currency": "XXQ"}, "not_a_currency"),
        ({"source": ""}, "empty_source"),
        ({"event_id": ""}, "empty_value"),
        ({"citizen_id": ""}, "empty_id"),
        ({"citizen_id": "\0ann"}, "bad_id"),
        ({"occurred_at": 1}, "too_early"),
        ({"occurred_at": datetime(2200, 1, 1, tzinfo=UTC)}, "too_late"),
    ):
        values = {**EVENT, "citizen_id": "ann", "event_id": "1", **wrong}
        with pytest.raises(BadData) as refused:
            publisher.publish("purchases", values)
        assert refused.value.where == reason
    with pytest.raises(BadUsage, match="withdraw"):
        publisher.consent("ann", [])
    with pytest.raises(BadData, match="citizen_id: not empty"):
        publisher.withdraw("")
    about: Any = {"kind": "purchases", "source": "shop", "event_id": "1", "occurred_at": NOON}
    with pytest.raises(BadData, match="dispute_id: not empty"):
        publisher.dispute("ann", about, action="uphold", dispute_id="")
    with pytest.raises(BadData, match="correction_id: not empty"):
        publisher.correct("ann", about, {"amount_minor": 5}, correction_id="")
    for name in ("citizen_id", "source", "occurred_at", "action", "about"):
        with pytest.raises(BadData, match=f"cannot replace '{name}'"):
            publisher.correct("ann", about, {name: "bob", "amount_minor": 5})
    with pytest.raises(BadUsage, match="no topic that takes records"):
        publisher.publish("scores", {})
    publisher.flush()
    assert all(stored(brokers, prefix + topic) == [] for topic in INPUTS)


def test_a_scorecard_is_published_once_and_for_all(
    brokers: str, prefix: str, publisher: Publisher
) -> None:
    with pytest.raises(BadData, match="no scorecard 'everyday'"):
        publisher.consent("ann", GRANTS)
    assert publisher.publish_scorecard(EVERYDAY)
    assert not publisher.publish_scorecard(EVERYDAY)
    with pytest.raises(BadData, match="never changes"):
        publisher.publish_scorecard(EVERYDAY + "# a word more\n")
    publisher.consent("ann", GRANTS)
    (record,) = stored(brokers, f"{prefix}scorecards")
    assert record.key() == codec.pack("everyday", 1)
    with Reader(brokers, prefix=prefix) as reader:
        (one,) = reader.published_scorecards()
        assert one.document == EVERYDAY
        assert one.digest == scorecards.digest(EVERYDAY)


def test_the_first_of_two_documents_stands(brokers: str, prefix: str) -> None:
    """Two publishers at once: the one that came second is told."""
    rider = scorecards.example("rider")
    with Publisher(brokers, prefix=prefix) as one, Publisher(brokers, prefix=prefix) as other:
        assert one.publish_scorecard(rider)
        assert other.publish_scorecard(EVERYDAY)
        with pytest.raises(BadData, match="never changes"):
            other.publish_scorecard(rider + "# a word more\n")
    with Reader(brokers, prefix=prefix) as reader:
        assert [each.id for each in reader.published_scorecards()] == ["everyday", "rider"]


def test_what_workers_pass_over_publishes_nothing(
    brokers: str, prefix: str, publisher: Publisher, worker: Worker
) -> None:
    """A bad record in the topic of scorecards takes nobody's consent or score away."""
    values = {
        "id": "everyday",
        "version": 1,
        "document": EVERYDAY,
        "digest": scorecards.digest(EVERYDAY),
        "effective_from": 0,
    }
    wrong = [b"junk", codec.encode("scorecards", values | {"digest": "0" * 64})]
    wrong.append(codec.encode("scorecards", values | {"version": 2}))
    producer = Producer({"bootstrap.servers": brokers})
    for value in wrong:
        producer.produce(f"{prefix}scorecards", value, b"k")
    producer.flush()
    assert publisher.publish_scorecard(EVERYDAY)
    publisher.consent("ann", GRANTS)
    worker.write("score-changes", "ann", [(b"ann", b"junk")])
    with Reader(brokers, prefix=prefix) as reader:
        assert [(each.id, each.version) for each in reader.published_scorecards()] == [
            ("everyday", 1)
        ]
        assert reader.citizen_changes("ann") == []


def test_the_async_publisher_does_the_same(brokers: str, prefix: str) -> None:
    async def publish() -> str:
        async with AsyncPublisher(brokers, prefix=prefix) as publisher:
            await publisher.publish_scorecard(EVERYDAY)
            await publisher.consent("ann", GRANTS)
            event = {**EVENT, "citizen_id": "ann"}
            return await publisher.publish("purchases", event, natural_key=True)

    event_id = asyncio.run(publish())
    (record,) = stored(brokers, f"{prefix}purchases")
    assert codec.decode("purchases", record.value())["event_id"] == event_id


# ---- subscriber


def sequences(changes: Any) -> list[tuple[str, int, int]]:
    return sorted((each.citizen_id, each.since, each.sequence) for each in changes)


def test_only_committed_changes_come_and_each_once(
    brokers: str, prefix: str, worker: Worker
) -> None:
    """Aborted ones never; repeats are dropped by citizen, scorecard and since."""
    worker.changes(("ann", 1), ("bob", 1), ("ann", 2))
    worker.changes(("ann", 3), end="abort")
    worker.changes(("ann", 1), ("ann", 2), ("ann", 3))
    worker.changes(("ann", 1), since=9)
    worker.changes(("ann", 4), end="leave open")
    with Subscriber(brokers, prefix=prefix, timeout=1) as changes:
        found = list(changes)
    expected = [("ann", 1, 1), ("ann", 1, 2), ("ann", 1, 3), ("ann", 9, 1), ("bob", 1, 1)]
    assert sequences(found) == expected
    assert found[0].contributions[0].characteristic == "base"
    assert found[0].cause.kind == "purchases"


def test_a_reader_goes_on_where_it_was(brokers: str, prefix: str, worker: Worker) -> None:
    """After each change, `positions` names what comes next, whatever was passed over."""
    worker.changes(*(("ann", number) for number in range(1, 6)))
    with Subscriber(brokers, prefix=prefix, timeout=5) as changes:
        first = [next(changes), next(changes)]
        positions = changes.positions
    worker.changes(("bob", 1))
    with Subscriber(brokers, prefix=prefix, positions=positions, timeout=1) as changes:
        rest = list(changes)
    assert sequences(first) == [("ann", 1, 1), ("ann", 1, 2)]
    assert sequences(rest) == [("ann", 1, 3), ("ann", 1, 4), ("ann", 1, 5), ("bob", 1, 1)]


def test_one_citizen_and_only_what_is_new(brokers: str, prefix: str, worker: Worker) -> None:
    worker.changes(("ann", 1), ("bob", 1))
    with (
        Subscriber(brokers, prefix=prefix, citizen="ann", timeout=1) as ann,
        Subscriber(brokers, prefix=prefix, from_="end", timeout=1) as new,
    ):
        worker.changes(("bob", 2), ("ann", 2))
        assert sequences(ann) == [("ann", 1, 1), ("ann", 1, 2)]
        assert sequences(new) == [("ann", 1, 2), ("bob", 1, 2)]
        assert list(ann.positions) == [partition_of("ann", 4)]
        assert ann.get(0.1) is None


def test_who_does_not_wait_sees_what_has_come(brokers: str, prefix: str, worker: Worker) -> None:
    worker.changes(("ann", 1))
    until = time.monotonic() + 10
    with Subscriber(brokers, prefix=prefix) as changes:
        while (change := changes.get(0)) is None:
            assert time.monotonic() < until
            time.sleep(0.01)
    assert change.citizen_id == "ann"


def test_a_group_keeps_the_positions(brokers: str, prefix: str, worker: Worker) -> None:
    """A change is done when the next is asked for, or on leaving; not if its work failed."""
    worker.changes(*(("ann", number) for number in range(1, 4)))
    group = f"{prefix}group"
    with Subscriber(brokers, prefix=prefix, group=group, timeout=10) as changes:
        assert next(changes).sequence == 1
    with (
        contextlib.suppress(ZeroDivisionError),
        Subscriber(brokers, prefix=prefix, group=group, timeout=10) as changes,
    ):
        assert next(changes).sequence == 2
        assert next(changes).sequence == 3
        raise ZeroDivisionError
    with Subscriber(brokers, prefix=prefix, group=group, timeout=10) as changes:
        assert next(changes).sequence == 3
    with Subscriber(brokers, prefix=prefix, group=group, timeout=5) as changes:
        assert list(changes) == []


def test_a_group_that_began_at_the_end_sees_what_comes_while_it_is_away(
    brokers: str, prefix: str, worker: Worker
) -> None:
    """Where nothing had come yet, too: "end" is where it was when the group began."""
    worker.changes(("ann", 1))
    group = f"{prefix}group"
    with Subscriber(brokers, prefix=prefix, group=group, from_="end", timeout=0) as changes:
        until = time.monotonic() + 30
        while not changes._consumer or not changes._consumer.assignment():
            assert time.monotonic() < until
            assert changes.get(0.1) is None
    worker.changes(("ann", 2), ("bob", 1))
    with Subscriber(brokers, prefix=prefix, group=group, from_="end", timeout=10) as changes:
        assert sequences([next(changes), next(changes)]) == [("ann", 1, 2), ("bob", 1, 1)]


def test_a_group_loses_nothing_while_others_join_and_leave(
    brokers: str, prefix: str, worker: Worker
) -> None:
    """What comes with the news that partitions were taken, too."""
    citizens = [f"c{number}" for number in range(40)]
    seen: set[tuple[str, int]] = set()
    others_are_done = threading.Event()

    def read_on() -> None:
        with Subscriber(brokers, prefix=prefix, group=f"{prefix}group") as changes:
            while (change := changes.get(5)) is not None or not others_are_done.is_set():
                if change is not None:
                    seen.add((change.citizen_id, change.sequence))

    reading = threading.Thread(target=read_on)
    reading.start()
    written = 0

    def write_for(seconds: float) -> None:
        nonlocal written
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            written += 1
            worker.changes(*((citizen, written) for citizen in citizens))

    write_for(2)
    for _ in range(3):
        with Subscriber(brokers, prefix=prefix, group=f"{prefix}group") as changes:
            joined = time.monotonic() + 4
            while time.monotonic() < joined:
                write_for(0.1)
                while (change := changes.get(0.01)) is not None:
                    seen.add((change.citizen_id, change.sequence))
        write_for(1)
    others_are_done.set()
    reading.join()
    assert len(seen) == written * len(citizens)


def test_a_group_s_position_does_not_go_back_where_a_partition_comes_back(
    brokers: str, prefix: str, worker: Worker
) -> None:
    """Who looks out for one citizen passes over others, and may wait while another member reads."""
    worker.changes(("ann", 1))
    given: dict[str, Any] = {"prefix": prefix, "group": f"{prefix}group", "citizen": "nobody"}
    first, home = Subscriber(brokers, **given), partition_of("ann", 4)
    until = time.monotonic() + 30
    while not first.positions and time.monotonic() < until:
        first._fill(1)
        assert first._next() is None
    place = TopicPartition(f"{prefix}score-changes", home)
    consumer: Any = first._consumer
    consumer.unassign()
    first._revoked(consumer, [place])
    worker.changes(("ann", 2))
    place.offset = 4  # where another member has come to, past two records and their marks
    consumer.commit(offsets=[place], asynchronous=False)
    consumer.assign([place])
    first.close()
    asking = Consumer({"bootstrap.servers": brokers, "group.id": given["group"]})
    assert asking.committed([place], timeout=10)[0].offset == 4
    asking.close()


def test_a_bad_record_stops_nobody(brokers: str, prefix: str, worker: Worker) -> None:
    worker.changes(("ann", 1))
    worker.write("score-changes", "ann", [(b"ann", b"junk"), (b"ann", None)])
    worker.changes(("ann", 2))
    with Subscriber(brokers, prefix=prefix, timeout=1) as changes:
        assert sequences(changes) == [("ann", 1, 1), ("ann", 1, 2)]
        assert changes.unreadable == 2


def test_an_audience_sees_what_it_was_granted(brokers: str, prefix: str, worker: Worker) -> None:
    """Typed as such; the same twice in a row is one."""

    def shared(tier: str, ended: bool = False) -> tuple[bytes, bytes]:
        values = {"citizen_id": "ann", "scorecard": "everyday", "tier": tier, "ended": ended}
        return b"ann", codec.encode("score-changes.bank", values)

    topic = "score-changes.bank"
    records = [shared("fair"), shared("fair"), shared("good"), shared("good", ended=True)]
    worker.write(topic, "ann", [*records, shared("good")])
    with Subscriber(brokers, prefix=prefix, audience="bank", timeout=1) as scores:
        found = [(each.tier, each.score, each.ended) for each in scores]
    assert found == [
        ("fair", None, False),
        ("good", None, False),
        ("good", None, True),
        ("good", None, False),
    ]


def test_async_iteration_and_a_cancelled_wait_lose_nothing(
    brokers: str, prefix: str, worker: Worker
) -> None:
    async def read() -> list[int]:
        found = []
        async with Subscriber(brokers, prefix=prefix, citizen="ann", timeout=3) as changes:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(changes), 0.2)
            waiting = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.to_thread(worker.changes, ("ann", 1), ("ann", 2))
            async for change in changes:
                found.append(change.sequence)
        return found

    assert asyncio.run(read()) == [1, 2]


# ---- reader


def citizen_of(citizen_id: str, since: int, as_of: int) -> Citizen:
    grants = (Grant("everyday", ("purchases",), 0),)
    return Citizen(citizen_id, since, as_of, grants, granted_at=since)


def entry(content: str) -> Entry:
    return Entry(Fact(5, content), {}, {})


def test_a_citizen_is_read_as_last_committed(brokers: str, prefix: str, worker: Worker) -> None:
    """The present life only; overwritten, erased, aborted and other people's rows are not seen."""

    def put(topic: str, *rows: tuple[bytes, bytes | None], end: str = "commit") -> None:
        worker.write(topic, "ann", rows, end=end)

    def row(
        since: int, event_id: str, content: str, citizen_id: str = "ann"
    ) -> tuple[bytes, bytes]:
        key = codec.pack(citizen_id, since, "purchases", "shop", event_id)
        return key, state.write_entry(entry(content))

    score = {
        "citizen_id": "ann",
        "scorecard": "everyday",
        "version": 1,
        "score": 610,
        "tier": "fair",
        "perks": ["p"],
        "sequence": 2,
        "as_of": 7,
    }
    key = codec.pack("ann", "everyday")
    put("scores", (key, codec.encode("scores", {**score, "score": 1})), (b"\0", b"beat"))
    put("scores", (key, codec.encode("scores", score)))
    put("scores", (key, codec.encode("scores", {**score, "score": 2})), end="abort")
    put("ledger-changelog", row(1, "old", "{}"), row(8, "a", "{}"), row(8, "b", "{}"))
    put("ledger-changelog", row(8, "a", '{"x":1}'), (row(8, "b", "{}")[0], None))
    put("ledger-changelog", row(8, "c", "{}", "anna"), row(8, "d", "{}"))
    put("citizens-changelog", (b"ann", state.write_citizen(citizen_of("ann", 8, 1))))
    put("citizens-changelog", (b"ann", state.write_citizen(citizen_of("ann", 8, 7))))
    put("citizens-changelog", (b"anna", state.write_citizen(citizen_of("anna", 8, 9))))
    put("citizens-changelog", (b"ann", None), end="leave open")
    with Reader(brokers, prefix=prefix) as reader:
        found = reader.citizen("ann")
        assert found is not None
        assert found.citizen == citizen_of("ann", 8, 7) == reader.citizen_state("ann")
        assert {tuple(event): kept for event, kept in found.ledger.items()} == {
            ("purchases", "shop", "a"): entry('{"x":1}'),
            ("purchases", "shop", "d"): entry("{}"),
        }
        assert found.ledger == reader.citizen_ledger("ann")
        (latest,) = reader.citizen_scores("ann")
        assert (latest.score, latest.perks, latest.sequence) == (610, ("p",), 2)


def test_a_citizen_whom_a_tick_left_alone_is_as_of_that_tick(
    brokers: str, prefix: str, worker: Worker
) -> None:
    rows = [(state.PARTITION_KEY, state.write_partition(state.Partition(tick=9)))]
    rows += [
        (name.encode(), state.write_citizen(citizen_of(name, 8, as_of)))
        for name, as_of in (("ann", 8), ("bob", 10))
    ]
    for name in ("ann", "bob"):
        worker.write("citizens-changelog", name, rows)
    with Reader(brokers, prefix=prefix) as reader:
        assert reader.citizen_state("ann") == citizen_of("ann", 8, 9)
        assert reader.citizen_state("bob") == citizen_of("bob", 8, 10)


def test_of_an_unknown_citizen_nothing_is_found(brokers: str, prefix: str) -> None:
    with Reader(brokers, prefix=prefix) as reader:
        assert reader.citizen("nobody") is None
        assert reader.citizen_state("nobody") is None
        assert reader.citizen_scores("nobody") == []
        assert reader.citizen_changes("nobody") == []
        assert reader.citizen_ledger("nobody") == {}
        assert reader.published_scorecards() == []


def test_what_nobody_can_be_asked_is_said(brokers: str, prefix: str) -> None:
    """Of an id that nobody can have, and after the end."""
    reader = Reader(brokers, prefix=prefix)
    by_id: list[Callable[[Any], object]] = [
        reader.citizen,
        reader.citizen_state,
        reader.citizen_scores,
        reader.citizen_changes,
        reader.citizen_ledger,
    ]
    for ask in by_id:
        for wrong in ("", "x" * 70_000, "\udcff", 5):
            with pytest.raises(BadData, match="citizen_id"):
                ask(wrong)
    reader.close()
    for ask in by_id:
        with pytest.raises(BadUsage, match="This Reader is closed"):
            ask("ann")
    with pytest.raises(BadUsage, match="This Reader is closed"):
        reader.published_scorecards()
    reader.close()


def test_changes_of_one_citizen_are_read_in_order(
    brokers: str, prefix: str, worker: Worker
) -> None:
    worker.changes(("ann", 1), ("bob", 1), ("ann", 2))
    with Reader(brokers, prefix=prefix) as reader:
        assert [each.sequence for each in reader.citizen_changes("ann")] == [1, 2]
        worker.changes(("ann", 3))
        assert [each.sequence for each in reader.citizen_changes("ann")] == [1, 2, 3]


# ---- documentation


def test_the_examples_of_the_readme_run(brokers: str, capsys: pytest.CaptureFixture[str]) -> None:
    """From top to bottom, against topics without a prefix."""
    admin.apply(brokers, audiences=["bank"])
    with Publisher(brokers) as publisher:
        publisher.publish_scorecard(EVERYDAY)
    Worker(brokers, "").changes(("ann", 1), ("bob", 1))
    page = (Path(__file__).parent.parent / "streams" / "client" / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block.replace("127.0.0.1:9092", brokers), names)
    printed = capsys.readouterr().out
    assert "0 or more expected; a refund is a correction" in printed
    assert "ann None 600 ()" in printed
    assert "['everyday@1']" in printed
