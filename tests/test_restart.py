"""A worker that comes back finds its partitions where they were; one that does not is replaced."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.embedded import Broker
from streams.settings import Settings
from streams.topics import KINDS
from tests.lane_world import PARTITIONS, History, Worker, World, check, flood, wait_for

pytestmark = pytest.mark.kafka

TAKEN_OVER_WITHIN = 15.0  # seconds from a worker's death to the first commit in its place


@pytest.fixture
def world(broker: Broker, prefix: str, tmp_path: Path) -> Iterator[World]:
    with World(broker.bootstrap, prefix, tmp_path, group=prefix + "group") as world:
        yield world


def taken(worker: Worker) -> list[list[int]]:
    """The partitions that a worker has read from, each time that the group gave it some."""
    return [told["partitions"] for told in worker.events("worker_ready")]


def test_a_restart_moves_nothing_and_reads_only_what_is_new(world: World) -> None:
    history = History(41, citizens=100, events=1_500)
    world.send(history.consents() + history.shares())
    happened = history.happenings()
    patient = {"AWAY_SECONDS": "60"}  # however slow the machine is
    ours, other = (world.worker(name, **patient).wait_ready() for name in ("a", "b"))
    wait_for(lambda: len(taken(ours)[-1] + taken(other)[-1]) == PARTITIONS, 30, "they share")
    world.send(happened[:1_000])
    world.wait_done()
    stayed = taken(other)
    for end in (Worker.stop, Worker.kill):
        end(ours)
        world.send(happened[1_000:1_100])  # waits for it
        again = world.worker("a", **patient).wait_ready()
        assert taken(again) == [taken(ours)[-1]]
        assert again.count("plainscore_restore_records_total") < 1_000
        ours = again
        world.wait_done()
    world.send(happened)
    check(world, world.wait_done())
    assert taken(other) == stayed


def test_a_worker_that_dies_is_replaced_within_fifteen_seconds(world: World) -> None:
    history = History(42, citizens=40, events=0)
    world.send(history.consents(kinds=("purchases",)))
    ordinary = {"AWAY_SECONDS": str(Settings.model_fields["away_seconds"].default)}
    dead, heir = (world.worker(name, **ordinary).wait_ready() for name in ("a", "b"))
    wait_for(lambda: len(taken(dead)[-1] + taken(heir)[-1]) == PARTITIONS, 30, "they share")
    world.send(flood(history.names, 2_000, seed=42))
    wait_for(lambda: dead.count("plainscore_events_total", topic="purchases"), 30, "both score")
    left = [("purchases", number) for number in taken(dead)[-1]]
    dead.kill()
    died = time.monotonic()
    before = world.committed()
    world.send(flood(history.names, 2_000, seed=43))

    def replaced() -> bool:
        now = world.committed()
        return any(now[place] > before[place] for place in left)

    wait_for(replaced, 60, "its partitions go on")
    seconds = time.monotonic() - died
    print(f"taken over after {seconds:.1f} s")
    assert seconds < TAKEN_OVER_WITHIN
    check(world, world.wait_done(), only=history.names[:10])


def test_of_two_workers_of_one_name_the_first_ends_and_says_why(world: World) -> None:
    history = History(43, citizens=40, events=400)
    world.send(history.consents())
    world.worker("a").wait_ready().stop()
    shutil.copytree(world.folder / "a", world.folder / "copy")
    first = world.worker("a").wait_ready()
    second = world.worker("copy")
    assert first.process.wait(60) == 2, first.said()
    sentence = first.sentence()
    assert "Another worker has started under this one's name" in sentence
    assert "Traceback" not in first.said()
    world.send(history.happenings())
    check(world, world.wait_done())
    assert not second.ended()


def test_a_standby_takes_over_with_next_to_nothing_left_to_read(world: World) -> None:
    history = History(44, citizens=40, events=0)
    world.send(history.consents(kinds=("purchases",)))
    dead = world.worker("a").wait_ready()
    world.send(flood(history.names, 8_000, seed=44))
    world.wait_done()
    heir = world.worker("b", STANDBY="1").wait_ready()
    wait_for(lambda: len(taken(dead)[-1] + taken(heir)[-1]) == PARTITIONS, 30, "they share")
    left = taken(dead)[-1]
    wait_for(lambda: heir.count("plainscore_copies") == len(left), 60, "it has copies")
    dead.kill()
    world.send(flood(history.names, 400, seed=45))
    wait_for(lambda: len(taken(heir)[-1]) == PARTITIONS, 30, "it has all")
    read = {
        told["partition"]: told["records"]
        for told in heir.events("partition_restored")[-PARTITIONS:]
    }
    logs = world.seen()["ledger-changelog"]
    for number in left:
        assert read[number] < sum(each.partition == number for each in logs) / 4
    check(world, world.wait_done(), only=history.names[:10])


def test_a_group_without_positions_does_not_put_earlier_consents_in_force_again(
    world: World,
) -> None:
    """They would erase what only later ones cover, and Kafka no longer has the events of that."""
    history = History(45, citizens=40, events=200)
    for kinds in (["purchases"], KINDS):
        world.send(history.consents(kinds))
    world.worker("a").wait_ready()
    world.send(history.happenings())
    before = {topic: len(records) for topic, records in world.wait_done().items()}
    stranger = world.worker("b", GROUP=f"{world.group}-renamed")
    assert stranger.process.wait(60) == 2, stranger.said()
    sentence = stranger.sentence()
    assert "has no positions" in sentence
    assert "PLAINSCORE_GROUP" in sentence
    assert "Traceback" not in stranger.said()
    assert {topic: len(records) for topic, records in world.seen().items()} == before
