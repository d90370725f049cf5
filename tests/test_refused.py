"""What Kafka refuses of a worker's output: nothing of it holds a partition up unnoticed."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import structlog
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from streams import dead_letters
from streams.client import admin
from streams.codec import encode
from streams.embedded import Broker
from streams.scoring.ledger import DAY
from streams.tables.counted import Counted
from streams.tables.overlay import Overlay
from streams.tables.partition import PartitionStore, partition_folder
from streams.topics import KINDS, partition_of
from streams.transport import tries
from streams.transport.batch import Batch
from streams.transport.lane import Lane
from streams.transport.part import Held
from tests import memory
from tests.lane_world import PARTITIONS, Sent, Worker, World, alter, wait_for

CITIZEN = "anna"
HOME = partition_of(CITIZEN, PARTITIONS)
AWAY = (HOME + 1) % PARTITIONS


def consent(now: int) -> dict[str, Any]:
    grant = {"scorecard": "everyday", "kinds": list(KINDS), "covers_from": now - 400 * DAY}
    return {"citizen_id": CITIZEN, "occurred_at": now, "grants": [grant]}


def purchase(time: int, event_id: str = "p-1") -> dict[str, Any]:
    return {
        "event_id": event_id,
        "citizen_id": CITIZEN,
        "occurred_at": time,
        "source": "shop",
        "category": "music",
        "amount_minor": 1_500,
        "currency": "USD",
        "quantity": 1,
    }


def dispute(time: int, dispute_id: str = "d-1") -> dict[str, Any]:
    about = {"kind": "purchases", "source": "shop", "event_id": "p-1", "occurred_at": time - DAY}
    return {
        "dispute_id": dispute_id,
        "citizen_id": CITIZEN,
        "about": about,
        "occurred_at": time,
        "action": "open",
        "statement": "it was not me",
    }


def shares(time: int) -> dict[str, Any]:
    share = {"audience": "bikes", "reveals": ["tier"], "until": time + 30 * DAY}
    return {"citizen_id": CITIZEN, "occurred_at": time, "shares": [share]}


# ---- a record in another partition than its citizen's, as old as Kafka takes none any more

LONG_AGO = memory.NOW - 20 * DAY


@pytest.fixture
def lane() -> memory.Lane:
    lane = memory.Lane(memory.published(), PARTITIONS)
    lane.oldest = memory.NOW - 15 * DAY
    lane.run([lane.record("consents", consent(memory.NOW))])
    return lane


def letters(lane: memory.Lane) -> list[dead_letters.DeadLetter]:
    return [dead_letters.read(each) for each in lane.out if each.topic == "dead-letters"]


def test_an_old_event_in_another_partition_is_scored_all_the_same(lane: memory.Lane) -> None:
    event = lane.record("purchases", purchase(LONG_AGO), timestamp=LONG_AGO, partition=AWAY)
    lane.run([event])
    assert len(lane.ledger_of(CITIZEN)) == 1
    assert letters(lane) == []


def test_an_old_dispute_in_another_partition_is_out_of_time(lane: memory.Lane) -> None:
    """Nobody can open one so that has lapsed already; what it says is kept."""
    opened = lane.record("disputes", dispute(LONG_AGO), timestamp=LONG_AGO, partition=AWAY)
    lane.run([opened])
    (letter,) = letters(lane)
    assert (letter.reason, letter.refused.partition) == ("dispute_out_of_time", HOME)
    assert letter.refused.value == opened.value


def test_old_shares_in_another_partition_outlive_no_withdrawal(lane: memory.Lane) -> None:
    given = lane.record("shares", shares(LONG_AGO), timestamp=LONG_AGO, partition=AWAY)
    lane.run([given])
    (letter,) = letters(lane)
    assert (letter.reason, letter.bare) == ("too_old_to_move", True)
    assert lane.values("score-changes.bikes") == []


@pytest.mark.parametrize("ended", ["by an empty list", "by a tombstone"])
def test_old_withdrawals_in_another_partition_are_carried_out(
    lane: memory.Lane, ended: str
) -> None:
    lane.run([lane.record("shares", shares(memory.NOW))])
    last = {**shares(LONG_AGO), "shares": []} if ended == "by an empty list" else None
    place: dict[str, Any] = {"timestamp": LONG_AGO, "partition": AWAY}
    lane.run([lane.record("shares", last, key=CITIZEN.encode(), **place)])
    assert lane.values("score-changes.bikes")[-1]["ended"]
    lane.run([lane.record("consents", None, key=CITIZEN.encode(), **place)])
    assert lane.citizen(CITIZEN) is None
    assert letters(lane) == []


@pytest.mark.kafka
@pytest.mark.parametrize("number", [1, 10])
def test_disputes_that_have_grown_too_old_to_be_moved_stop_no_partition(
    broker: Broker, prefix: str, tmp_path: Path, number: int
) -> None:
    """Kafka took it when it was sent, and ends the transaction that would forward it."""
    with World(broker.bootstrap, prefix, tmp_path) as world:
        now = int(time.time() * 1000)
        young = now - DAY // 2
        old = [now - (3 + each) * DAY for each in range(number)]
        world.send([Sent.of("consents", consent(now))])
        for sent in (*old, young):
            value = encode("disputes", dispute(sent, f"d-{sent}"))
            topic, key = prefix + "disputes", CITIZEN.encode()
            world.producer.produce(topic, value, key, AWAY, timestamp=sent)
        assert world.producer.flush(30) == 0
        alter(broker.bootstrap, prefix + "disputes", message_timestamp_before_max_ms=str(DAY))
        worker = world.worker().wait_ready()
        seen = world.wait_done(30)
        moved = [each for each in seen["disputes"] if each.partition == HOME]
        assert [each.timestamp == young for each in moved] == [False] * number + [True]
        reasons = [dead_letters.read(each).reason for each in seen["dead-letters"]]
        assert reasons == ["dispute_out_of_time"] * number
        forwarded = {"topic": "disputes", "outcome": "forwarded"}
        assert worker.count("plainscore_events_total", **forwarded) == number + 1
        world.send([Sent.of("disputes", dispute(now, "next"), AWAY)])
        world.wait_done(30)
        assert worker.count("plainscore_transactions_total", end="unclear") <= 2


# ---- transactions that fail again and again


def test_what_is_committed_in_between_does_not_hide_what_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After each failure all is taken again, and what else can be done is done."""
    told: list[str] = []
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    trying = tries.Tries()
    trying.on_stuck = told.append
    pauses = []
    for _ in range(8):
        trying.failed([("purchases", 1)], "too large", learned=False)
        pauses.append(trying.pause)
        now += trying.pause
        trying.went_on()
        trying.committed([("", 1), ("purchases", 0)])
    assert pauses == sorted(pauses)
    assert pauses[-1] == tries.LONGEST_PAUSE
    assert now > tries.PATIENCE
    assert set(told) == {"too large"}
    trying.committed([("purchases", 1)])
    assert told[-1] == ""
    assert trying.pause == 0


def test_what_fails_is_nobodys_trouble_once_another_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tries, "PATIENCE", -1)
    told: list[str] = []
    trying = tries.Tries()
    trying.on_stuck = told.append
    trying.failed([("purchases", 1), ("fines", 1)], "too large", learned=False)
    trying.only({0, 1})
    trying.only({0})
    assert told == ["too large", ""]


@pytest.mark.kafka
def test_what_is_refused_while_a_batch_is_processed_is_told(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """librdkafka refuses all that follows, and says nothing then but that it does."""
    _make(broker.bootstrap, prefix)
    topic = f"{prefix}score-changes"
    alter(broker.bootstrap, topic, max_message_bytes="100")
    config = {"bootstrap.servers": broker.bootstrap}
    running = Lane({**config, "transactional.id": prefix}, prefix, 0.1)
    running.on_unclear = lambda: None
    store = PartitionStore.open(partition_folder(tmp_path, HOME))
    held = Held(HOME, store, Overlay(store), Counted())
    group = Consumer({**config, "group.id": prefix}).consumer_group_metadata()

    async def run() -> None:
        await running.begin()
        await running.take(1, group, [held], {("consents", HOME): 0})
        async with running.transaction(Batch(1, {HOME: []})) as parts:
            for part in parts:
                while True:
                    part.out.produce("score-changes", b"key", b"x" * 1_000)
                    await asyncio.sleep(0.1)
        await running.leave()

    with structlog.testing.capture_logs() as logged:
        asyncio.run(run())
    (unclear,) = [line for line in logged if line["event"] == "transaction_unclear"]
    assert "too large" in unclear["why"]
    assert topic in unclear["why"]


def ready(worker: Worker) -> dict[str, str]:
    """What a worker waits for, as it says itself."""
    url = worker.events("metrics_served")[0]["url"]
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
            body = answer.read()
    except HTTPError as unready:
        body = unready.read()
    found: dict[str, str] = json.loads(body)["waits_for"]
    return found


Mend = Callable[[], None]


def too_small(world: World, topic: str) -> Mend:
    alter(world.brokers, topic, max_message_bytes="100")
    return lambda: alter(world.brokers, topic, max_message_bytes="")


def deleted(world: World, topic: str) -> Mend:
    client = AdminClient({"bootstrap.servers": world.brokers})  # its futures end with it
    for future in client.delete_topics([topic], operation_timeout=30).values():
        future.result(30)
    return lambda: _make(world.brokers, world.prefix)


def _make(brokers: str, prefix: str) -> None:
    given = {"partitions": PARTITIONS, "replication": 1, "audiences": ("bikes",)}
    admin.apply(brokers, prefix=prefix, **given)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(too_small, marks=pytest.mark.kafka),
        pytest.param(deleted, marks=pytest.mark.faults),
    ],
)
def test_a_worker_whose_output_is_refused_says_so_and_goes_on_once_that_is_mended(
    broker: Broker, prefix: str, tmp_path: Path, spoil: Callable[[World, str], Mend]
) -> None:
    topic = f"{prefix}score-changes"
    with World(broker.bootstrap, prefix, tmp_path) as world:
        now = int(time.time() * 1000)
        world.send([Sent.of("consents", consent(now))])
        worker = world.worker().wait_ready()
        world.wait_done()
        mend = spoil(world, topic)
        world.send([Sent.of("purchases", purchase(now))])
        wait_for(lambda: "committing" in ready(worker), 120, "the worker is not ready")
        assert topic in ready(worker)["committing"]
        assert topic in worker.events("transaction_unclear")[-1]["why"]
        assert worker.count("plainscore_ready", condition="committing") == 0
        assert worker.count("plainscore_transactions_total", end="unclear") < 12
        assert len(worker.events("worker_stuck")) == 1
        mend()
        wait_for(lambda: not ready(worker), 60, "the worker is ready again")
