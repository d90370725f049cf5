"""Delivery: what was published is scored exactly once, whatever happens to the workers."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from streams.client import admin
from streams.codec import decode, pack
from streams.embedded import Broker
from streams.errors import Unreachable
from streams.marks import ANSWERS, RECEIPT
from streams.scoring.ledger import DAY
from streams.tables.partition import TABLES, PartitionStore, partition_folder
from streams.topics import INPUTS, TOPICS
from streams.transport.check import check_topics
from tests.lane_world import (
    CHANGELOGS,
    OUTPUTS,
    PARTITIONS,
    History,
    Sent,
    Worker,
    World,
    changes,
    check,
    flood,
    last_of_each_key,
    misplaced,
    wait_for,
    without_heartbeats,
)

pytestmark = pytest.mark.kafka


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path, group=prefix + "group") as world:
        yield world


def rows_on_disk(world: World, worker: Worker) -> dict[tuple[int, str], dict[bytes, bytes]]:
    """Every row of a stopped worker's tables and of its index of due times."""
    found = {}
    for number in range(PARTITIONS):
        folder = partition_folder(worker.state / (world.prefix + world.group), number)
        store = PartitionStore.open(folder)
        for family in (*TABLES, "due"):
            found[number, family] = dict(store.rows(family))
        store.close()
    return found


# ---- what is delivered


def test_scores_and_changes_are_the_recount_of_what_an_outsider_saw(world: World) -> None:
    history = History(1, citizens=300, events=4_000)
    world.send(history.consents() + history.shares())
    world.worker()
    world.send(history.happenings())
    are = check(world, world.wait_done())
    assert len(are) > 400
    assert len({standing.score for standing in are.values()}) > 50


def test_the_same_file_again_changes_nothing(world: World) -> None:
    history = History(2, citizens=100, events=1_000)
    world.send(history.consents())
    happened = history.happenings()
    world.send(happened)
    worker = world.worker()
    first = world.wait_done()
    check(world, first)
    before = {t: len(without_heartbeats(first[t])) for t in ("score-changes", "scores")}
    conflicts = worker.count("plainscore_dead_letters_total", reason="conflicting_duplicate")
    world.send(happened)
    again = world.wait_done()
    assert {topic: len(without_heartbeats(again[topic])) for topic in before} == before
    assert conflicts > 0
    twice = worker.count("plainscore_dead_letters_total", reason="conflicting_duplicate")
    assert twice >= 2 * conflicts  # of each two one is kept, and the other comes again
    check(world, again)


def test_a_restart_with_and_without_the_folders_gives_the_same_rows(world: World) -> None:
    history = History(3, citizens=150, events=1_500)
    world.send(history.consents() + history.shares())
    worker = world.worker()
    world.send(history.happenings())
    world.wait_done()
    worker.stop()
    scored = rows_on_disk(world, worker)
    assert sum(len(rows) for rows in scored.values()) > 1_000
    world.worker().wait_ready().stop()  # with them
    kept = rows_on_disk(world, worker)
    shutil.rmtree(worker.state)
    restored = world.worker().wait_ready()  # without them
    assert restored.count("plainscore_restore_records_total") > 1_000
    assert restored.count("plainscore_citizens") == history.citizens
    restored.stop()
    assert scored == kept == rows_on_disk(world, worker)


def test_a_worker_under_load_stops_within_ten_seconds_and_the_next_goes_on(world: World) -> None:
    history = History(4, citizens=300)
    world.send(history.consents(kinds=("purchases",)))
    events = flood(history.names, 60_000, seed=4)
    worker = world.worker().wait_ready()
    world.send(events)
    wait_for(lambda: worker.count("plainscore_events_total", topic="purchases"), 30, "it works")
    worker.stop(10)
    stopped_at, seen = world.committed(), world.seen()
    done = sum(r.offset < stopped_at["purchases", r.partition] for r in seen["purchases"])
    assert 0 < done < len(events)
    changed = len(seen["score-changes"])
    time.sleep(0.5)
    assert world.committed() == stopped_at
    assert len(world.seen()["score-changes"]) == changed
    next_one = world.worker()
    check(world, world.wait_done(), only=history.names[:20])
    assert next_one.count("plainscore_events_total", topic="purchases") == len(events) - done


@pytest.mark.parametrize("moment", [0.3, 1.0, 2.0])
def test_a_worker_can_be_stopped_while_it_starts(world: World, moment: float) -> None:
    worker = world.worker()
    wait_for(lambda: worker.events("metrics_served"), 30, "it serves metrics")
    time.sleep(moment)
    worker.stop(10)


def test_a_worker_can_be_stopped_while_it_waits_for_a_broker_that_says_nothing(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        worker = Worker(tmp_path, {"BROKERS": f"127.0.0.1:{silent.getsockname()[1]}"})
        wait_for(lambda: worker.events("metrics_served"), 30, "it serves metrics")
        silent.accept()  # it is asking now
        assert worker.stop(10) < 5


# ---- consents before events


def test_no_event_is_dropped_for_want_of_a_consent_that_was_acknowledged_before(
    world: World,
) -> None:
    scale = 1 if os.environ.get("PLAINSCORE_FULL_SIZE") else 0.06
    history = History(9, citizens=int(20_000 * max(scale, 0.25)))
    events = flood(history.names, int(1_000_000 * scale), seed=9)
    world.send(history.consents(kinds=("purchases",)))  # acknowledged, and at once:
    world.send(events)
    workers = [world.worker("a"), world.worker("b")]
    seen = world.wait_done(60 if scale < 1 else 600)
    counted = {
        outcome: sum(
            worker.count("plainscore_events_total", topic="purchases", outcome=outcome)
            for worker in workers
        )
        for outcome in ("scored", "dropped")
    }
    assert counted == {"scored": len(events), "dropped": 0}
    assert all(worker.count("plainscore_partitions_owned") == 2 for worker in workers)
    check(world, seen, only=history.names[:50])


# ---- what was sent to a wrong place


def test_misplaced_records_are_forwarded_and_count_once(world: World) -> None:
    history = History(5, citizens=150, events=1_500)
    consents = misplaced(history.consents())
    world.send(consents)
    worker = world.worker()
    world.wait_done()
    happened = misplaced(history.happenings())
    world.send(happened)
    seen = world.wait_done()
    check(world, seen)
    sent = [*consents, *happened]
    wrong = sum(each.misplaced for each in sent)
    assert wrong > len(sent) / 2
    count = worker.count
    assert count("plainscore_events_total", outcome="forwarded") == wrong
    assert count("plainscore_events_total", outcome="dropped", reason="no_consent") == 0
    ended = sum(
        count("plainscore_events_total", outcome=each)
        for each in ("scored", "stored", "dropped", "dead_letter")
    )
    assert ended == len(sent)
    # Out of a compacted topic the old place got a tombstone: one partition tells of each citizen.
    telling = [
        (record.key, place)
        for place in range(PARTITIONS)
        for record in last_of_each_key(r for r in seen["consents"] if r.partition == place).values()
        if record.value is not None
    ]
    assert len(telling) == len({key for key, _ in telling}) == history.citizens


# ---- what compaction keeps


def test_a_bad_consent_leaves_what_is_in_force_as_the_last_word(world: World) -> None:
    history = History(6, citizens=1, events=0)
    (good,) = history.consents()
    world.send([good])
    world.worker()
    world.wait_done()
    world.send([good._replace(value=b"not Avro")])
    seen = world.wait_done()
    last = last_of_each_key(seen["consents"])[good.key]
    assert decode("consents", last.value) == decode("consents", good.value)
    assert [name for name, _ in last.headers] == [ANSWERS]
    assert len(seen["dead-letters"]) == 1


def test_an_erasure_leaves_nothing_but_a_receipt(world: World) -> None:
    history = History(7, citizens=30, events=600)
    gone, stays = history.names[0], history.names[1]
    world.send(history.consents() + history.shares())
    worker = world.worker()
    world.send(history.happenings())
    world.wait_done()
    citizen = gone.encode()
    withdrawal = Sent.of("consents", {"citizen_id": gone, "occurred_at": 0, "grants": []})
    world.send([withdrawal._replace(value=None, headers=((RECEIPT, b"our-receipt"),))])
    wait_for(lambda: world.seen()["receipts"], 30, "a receipt is written")
    seen = world.wait_done()
    (receipt,) = (decode("receipts", record.value) for record in seen["receipts"])
    assert receipt["receipt_id"] == "our-receipt"
    assert receipt["erased"]["entries"] > 0
    compacted = [t for t in (*INPUTS, *OUTPUTS) if t in TOPICS and TOPICS[t].cleanup == "compact"]
    for topic in (*compacted, *CHANGELOGS):
        for key, record in last_of_each_key(seen[topic]).items():
            if record.value is not None:
                assert citizen not in key, topic
                assert citizen not in record.value, topic
    for card in ("everyday", "rider"):
        last = last_of_each_key(seen["scores"]).get(pack(gone, card))
        assert last is None or last.value is None
    shown = [r for r in seen["score-changes.bikes"] if r.key == citizen]
    assert decode("score-changes.bikes", shown[-1].value)["ended"]
    check(world, seen)
    worker.stop()
    on_disk = rows_on_disk(world, worker)
    keys = [key for rows in on_disk.values() for key in rows]
    assert not any(citizen in key for key in keys)
    assert any(stays.encode() in key for key in keys)
    # Back again: a new life, of which nothing is known from the one before.
    grants = [{"scorecard": "rider", "kinds": ["fines"], "covers_from": history.now - 500 * DAY}]
    again = {"citizen_id": gone, "occurred_at": history.now, "grants": grants}
    world.send([Sent.of("consents", again)])
    world.worker()
    *_, life = (each for each in changes(world.wait_done()) if each["citizen_id"] == gone)
    assert (life["sequence"], life["previous_score"], life["score"]) == (1, None, 950)


def test_a_share_that_follows_its_consent_is_in_force_after_a_cold_start(world: World) -> None:
    history = History(8, citizens=300, events=300)
    world.send(history.consents())
    world.send(history.shares())
    world.send(history.happenings())
    worker = world.worker()
    seen = world.wait_done()
    assert worker.count("plainscore_events_total", topic="shares", outcome="dropped") == 0
    assert {r.key for r in seen["score-changes.bikes"]} == {each.key for each in history.shares()}


# ---- what a worker cannot work with


def refused(worker: Worker, code: int, *words: str) -> None:
    """Assert that a worker ends with this code and a sentence, and no traceback."""
    assert worker.process.wait(40) == code, worker.said()
    sentence = worker.sentence()
    assert all(word in sentence for word in words), sentence
    assert "Traceback" not in worker.said()


def test_no_broker_is_a_sentence_after_a_while() -> None:
    """A worker waits for a minute, as its brokers may just be starting."""
    assert Unreachable.exit_code == 3
    with pytest.raises(Unreachable, match=r": .*refused.*127\.0\.0\.1:1.*plainscore broker"):
        check_topics({"bootstrap.servers": "127.0.0.1:1"}, "", (), patience=0)


def test_missing_topics_are_a_sentence(broker: Broker, prefix: str, tmp_path: Path) -> None:
    settings = {"BROKERS": broker.bootstrap, "PREFIX": prefix}
    refused(Worker(tmp_path, settings), 2, f"{prefix}purchases", "plainscore topics apply")


def test_the_topic_of_an_audience_counts_too(world: World) -> None:
    refused(world.worker(AUDIENCES="bikes,bank"), 2, "score-changes.bank", "topics apply")


def test_unequal_partition_counts_are_a_sentence(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    admin.apply(broker.bootstrap, prefix=prefix, partitions=2)
    admin_client = AdminClient({"bootstrap.servers": broker.bootstrap})
    (made,) = admin_client.delete_topics([f"{prefix}fines"]).values()
    made.result(30)

    def created() -> bool:
        (made,) = admin_client.create_topics([NewTopic(f"{prefix}fines", 3, 1)]).values()
        return made.exception(30) is None

    wait_for(created, 30, "the topic is there")
    settings = {"BROKERS": broker.bootstrap, "PREFIX": prefix}
    refused(Worker(tmp_path, settings), 2, f"{prefix}fines 3", f"{prefix}purchases 2")


def test_a_worker_may_come_before_any_scorecard(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    admin.apply(broker.bootstrap, prefix=prefix, partitions=2)
    Worker(tmp_path, {"BROKERS": broker.bootstrap, "PREFIX": prefix}).wait_ready(30).stop()
