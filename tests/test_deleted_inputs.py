"""What a worker does when Kafka takes away what it has not read, or changes a topic under it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.client import Publisher
from streams.embedded import Broker
from streams.topics import KINDS, topic_of
from tests.lane_world import (
    PARTITIONS,
    History,
    Place,
    Worker,
    World,
    alter,
    check,
    flood,
    wait_for,
)

pytestmark = pytest.mark.kafka

KEPT = 5  # records of a partition that are left
AHEAD = 1_000  # records by which a position lies beyond its topic's end


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path) as world:
        yield world


@pytest.fixture
def history(world: World) -> History:
    """Citizens who have consented to all."""
    history = History(71, citizens=40)
    world.send(history.consents(KINDS))
    return history


def counted(worker: Worker, **labels: str) -> float:
    """Give the records that a worker has counted so."""
    return worker.count("plainscore_events_total", **labels)


def missed(worker: Worker) -> dict[int, int]:
    """Give how many purchases a worker says that it misses, by partition."""
    told = worker.events("records_deleted_unread")
    assert {line["topic"] for line in told} <= {"purchases"}
    assert len({line["partition"] for line in told}) == len(told), "told once each"
    return {line["partition"]: line["at_most"] for line in told}


def delete_all_but(world: World, kept: int) -> dict[int, int]:
    """Delete purchases, as retention does; gives by partition how many that nobody had read."""
    committed, ends = world.committed(), world.outsider.ends(["purchases"])
    gone = {}
    asked = []
    for (topic, partition), end in ends.items():
        gone[partition] = end - kept - committed[topic, partition]
        asked.append(TopicPartition(world.prefix + topic, partition, end - kept))
    admin = AdminClient({"bootstrap.servers": world.brokers})
    for done in admin.delete_records(asked).values():
        done.result(30)
    return gone


def lose_beginning(world: World, topic: str) -> None:
    """Delete the first record of each partition of a compacted topic, as retention may."""
    name = world.prefix + topic
    alter(world.brokers, name, cleanup_policy="delete")
    admin = AdminClient({"bootstrap.servers": world.brokers})
    asked = [TopicPartition(name, partition, 1) for partition in range(PARTITIONS)]
    for done in admin.delete_records(asked).values():
        done.result(30)
    alter(world.brokers, name, cleanup_policy="compact")


def make_anew(world: World, topic: str) -> None:
    """Delete a topic and make it again."""
    admin, name = AdminClient({"bootstrap.servers": world.brokers}), world.prefix + topic
    admin.delete_topics([name])[name].result(30)
    until = time.monotonic() + 30
    while True:
        try:
            partitions = PARTITIONS if topic_of(topic).partitioned else 1
            new = NewTopic(name, partitions, 1, config=topic_of(topic).config)
            admin.create_topics([new])[name].result(30)
        except KafkaException:  # the old one is not gone yet
            assert time.monotonic() < until
            time.sleep(0.01)
        else:
            return


def move_positions(world: World, topic: str) -> None:
    """Set the group's positions in a topic to where it has never been."""
    ends = world.outsider.ends([topic])
    consumer = Consumer({"bootstrap.servers": world.brokers, "group.id": world.group})
    places = [
        TopicPartition(world.prefix + topic, partition, end + AHEAD)
        for (_, partition), end in ends.items()
    ]
    wait_for(lambda: _committed(consumer, places), 30, "Kafka takes the worker for gone")
    consumer.close()


def _committed(consumer: Consumer, places: list[TopicPartition]) -> bool:
    try:
        consumer.commit(offsets=places, asynchronous=False)
    except KafkaException:
        return False
    return True


def test_records_that_were_deleted_while_the_worker_was_down_are_told_and_counted(
    world: World, history: History
) -> None:
    worker = world.worker().wait_ready()
    world.send(flood(history.names, 200, 1))
    world.wait_done()
    worker.stop()
    world.send(flood(history.names, 200, 2))
    world.seen()
    gone = delete_all_but(world, KEPT)
    worker = world.worker().wait_ready()
    world.wait_done()
    assert missed(worker) == gone
    assert counted(worker, topic="purchases", reason="deleted_unread") == sum(gone.values())
    left = PARTITIONS * KEPT
    wait_for(lambda: counted(worker, topic="purchases", outcome="scored") == left, 10, "all count")
    worker.stop()
    again = world.worker().wait_ready()
    assert not missed(again)


def test_records_that_were_deleted_unread_of_a_quiet_topic_are_told_once(
    world: World, history: History
) -> None:
    """Nothing that follows them would move the position over them."""
    world.worker().wait_ready().stop()
    world.send(flood(history.names, 200, 1))
    world.seen()
    delete_all_but(world, 0)
    worker = world.worker().wait_ready()
    ends: dict[Place, int] = world.outsider.ends(["purchases"])
    assert missed(worker) == {partition: end for (_, partition), end in ends.items()}
    wait_for(lambda: ends.items() <= world.committed().items(), 30, "the positions are past them")
    worker.stop()
    assert not missed(world.worker().wait_ready())


def test_records_that_are_deleted_before_a_running_worker_reads_them_are_told_and_counted(
    world: World, history: History
) -> None:
    worker = world.worker(AWAY_SECONDS="30").wait_ready()
    world.send(flood(history.names, 200, 1))
    world.wait_done()
    os.kill(worker.process.pid, signal.SIGSTOP)
    time.sleep(0.5)  # what it has asked for last comes back empty
    world.send(flood(history.names, 200, 2))
    world.seen()
    gone = delete_all_but(world, KEPT)
    os.kill(worker.process.pid, signal.SIGCONT)
    world.wait_done()
    assert missed(worker) == gone
    assert counted(worker, topic="purchases", reason="deleted_unread") == sum(gone.values())
    left = 200 + PARTITIONS * KEPT
    wait_for(lambda: counted(worker, topic="purchases", outcome="scored") == left, 10, "all count")


@pytest.mark.parametrize("events", [20, 400], ids=["shorter", "longer"])
def test_a_topic_of_events_that_is_made_anew_is_read_from_its_start(
    world: World, history: History, events: int
) -> None:
    """Also where it is longer by then than the one before: Kafka alone would go on in its midst."""
    worker = world.worker().wait_ready()
    world.send(flood(history.names, 200, 1))
    world.wait_done()
    make_anew(world, "purchases")
    sent = flood(history.names, events, 2)
    world.send(sent)
    wait_for(
        lambda: (
            worker.ended() or counted(worker, topic="purchases", outcome="scored") >= 200 + events
        ),
        30,
        "all of the new ones are scored",
    )
    assert not missed(worker)


@pytest.mark.parametrize("citizens", [8, 200], ids=["shorter", "longer"])
def test_events_wait_for_consents_in_a_topic_that_is_made_anew(
    world: World, history: History, citizens: int
) -> None:
    worker = world.worker().wait_ready()
    world.send(flood(history.names, 200, 1))
    world.wait_done()
    make_anew(world, "consents")
    new = History(72, citizens=citizens)
    world.send(new.consents(KINDS))
    if citizens > len(history.names):  # it is a longer topic that can be told by its id alone
        time.sleep(2)
    world.send(flood(new.names, 200, 2))
    wait_for(
        lambda: worker.ended() or counted(worker, topic="purchases") >= 400, 30, "they are read"
    )
    assert counted(worker, topic="purchases", reason="no_consent") == 0
    world.send(flood(history.names, 200, 3))
    wait_for(lambda: counted(worker, topic="purchases") >= 600, 30, "they are read")
    assert counted(worker, topic="purchases", outcome="scored") == 600


def test_a_position_beyond_the_end_of_a_topic_of_events_begins_at_its_start(
    world: World, history: History
) -> None:
    worker = world.worker().wait_ready()
    world.send(flood(history.names, 200, 1))
    before = world.wait_done()["score-changes"].copy()
    worker.stop()
    move_positions(world, "purchases")
    worker = world.worker().wait_ready()
    wait_for(lambda: counted(worker, topic="purchases") == 200, 30, "they are read again")
    world.send(flood(history.names, 200, 2)[:1])
    wait_for(lambda: counted(worker, topic="purchases") == 201, 30, "it goes on")
    assert len(worker.events("topic_read_again")) == PARTITIONS
    assert len(world.seen()["score-changes"]) <= len(before) + 1


@pytest.mark.parametrize("topic", ["consents", "shares"])
def test_a_position_beyond_the_end_of_consents_or_shares_ends_the_worker(
    world: World, history: History, topic: str
) -> None:
    """What was in force before would be so again for a moment, and erase what it does not cover."""
    worker = world.worker().wait_ready()
    world.send(flood(history.names, 20, 1))
    world.wait_done()
    worker.stop()
    move_positions(world, topic)
    worker = world.worker()
    assert worker.process.wait(60) == 2
    sentence = worker.sentence()
    assert f"beyond the end of {world.prefix}{topic}" in sentence
    assert "--to-" in sentence


def test_a_worker_begins_no_folder_where_a_changelog_has_lost_its_beginning(
    world: World, history: History
) -> None:
    """It would score people by a part of what is known of them. One whose folder has it goes on."""
    worker = world.worker("a").wait_ready()
    world.send(flood(history.names, 200, 1))
    world.wait_done()
    worker.stop()
    lose_beginning(world, "ledger-changelog")
    world.send(flood(history.names, 200, 2))
    before = {topic: len(records) for topic, records in world.seen().items()}
    fresh = world.worker("b")
    assert fresh.process.wait(60) == 1
    sentence = fresh.sentence()
    assert "deleted records of ledger-changelog" in sentence
    assert "Traceback" not in fresh.said()
    assert {topic: len(records) for topic, records in world.seen().items()} == before
    world.worker("a").wait_ready()
    check(world, world.wait_done(), only=history.names[:10])


def test_a_worker_names_the_page_that_people_were_scored_by_and_that_is_no_longer_published(
    world: World, history: History
) -> None:
    worker = world.worker().wait_ready()
    world.send(flood(history.names, 20, 1))
    world.wait_done()
    worker.stop()
    make_anew(world, "scorecards")
    world.send(flood(history.names, 20, 2))
    worker = world.worker()
    assert worker.process.wait(60) == 1
    sentence = worker.sentence()
    assert "everyday version 1 is not among the published scorecards" in sentence
    with Publisher(world.brokers, prefix=world.prefix) as publisher:
        for page in world.pages:
            publisher.publish_scorecard(page)
    world.worker().wait_ready()
    check(world, world.wait_done())
