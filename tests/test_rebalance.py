"""Partitions that come and go while they are being taken, one moment at a time."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.app import consumer_config, make_app
from streams.errors import BadUsage
from streams.memory import split
from streams.outcome import Outcome
from streams.published import Published
from streams.ready import Readiness
from streams.record import Record
from streams.settings import Settings
from streams.transport.batch import MOST_RECORDS, Batch
from streams.transport.consumer import Consumer
from streams.transport.lane import (
    FEWEST_RECORDS,
    FIRST_RECORDS,
    LONG,
    Lane,
)
from streams.transport.name import FILE, take_name
from streams.transport.part import Held, Part, hold_back


class Group:
    """The group's side of a consumer: what the member's thread would tell it, step by step.

    `pass_on` holds Faust's part of an assignment up until it is set.
    """

    def __init__(self) -> None:
        self.pass_on = asyncio.Event()
        self.pass_on.set()
        self.restoring = self.most_restoring = 0
        self.taken: list[list[int]] = []  # and let go
        self.generation = 0
        self.unclear = 0
        self.crashes: list[BaseException] = []
        self.expected: list[BaseException] = []
        self.lane = Lane({}, "", 0.1)
        self.lane.on_unclear = self._note_unclear
        self.lane.begin = _nothing  # type: ignore[method-assign]
        self.member = SimpleNamespace(
            assignment=0, metadata=None, committed=dict, read_from=lambda *_: True, call=_called
        )
        self.consumer = self._consumer()

    def _consumer(self) -> Any:
        made: Any = Consumer.__new__(Consumer)
        made.member, made.lane = self.member, self.lane
        made.transport = SimpleNamespace(
            plan=SimpleNamespace(topics=["purchases"]),
            restore=self._restore,
            on_ready=self.taken.append,
            on_gone=lambda: self.taken.append([]),
        )
        tables = SimpleNamespace(overlays={})
        made.app = SimpleNamespace(on_rebalance_start=lambda: None, tables=tables)
        made.on_partitions_assigned = lambda *_: self.pass_on.wait()
        made.on_partitions_revoked = _nothing
        made.crash = self._crash
        made._assigned, made._taking = set(), None
        made._rebalance, made._leaving = asyncio.Lock(), False
        return made

    async def _crash(self, error: BaseException) -> None:
        self.crashes.append(error)

    def _note_unclear(self) -> None:
        self.unclear += 1

    async def _restore(self, partitions: list[int]) -> list[Any]:
        self.restoring += 1
        self.most_restoring = max(self.most_restoring, self.restoring)
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)  # its threads end first
            raise
        finally:
            self.restoring -= 1
        return []

    def assign(self, *partitions: int) -> Awaitable[None]:
        self.generation += 1
        self.member.assignment = self.generation
        return asyncio.ensure_future(self.consumer._assign(set(partitions), self.generation))

    def revoke(self) -> Awaitable[None]:
        self.generation += 1
        self.member.assignment = self.generation
        return asyncio.ensure_future(self.consumer._revoke())


async def _nothing(*_: object) -> None:
    pass


def _called(function: Callable[[], Any]) -> Any:
    future: Future[Any] = Future()
    try:
        future.set_result(function())
    except Exception as error:
        future.set_exception(error)
    return future


def moments(test: Callable[[Group], Awaitable[None]]) -> Callable[[], None]:
    """Run a test on a loop of its own."""

    async def run() -> None:
        group = Group()
        await test(group)
        assert group.crashes == group.expected

    def whole() -> None:
        asyncio.run(run())

    whole.__name__, whole.__doc__ = test.__name__, test.__doc__
    return whole


@moments
async def test_what_was_revoked_before_it_could_be_taken_is_not_taken(group: Group) -> None:
    group.pass_on.clear()
    assigned = group.assign(0, 1)
    await asyncio.sleep(0)
    revoked = group.revoke()
    await asyncio.sleep(0)
    group.pass_on.set()
    await asyncio.gather(assigned, revoked)
    await asyncio.sleep(0.1)
    assert (group.taken, group.most_restoring) == ([[]], 0)


@moments
async def test_partitions_are_taken_once_at_a_time_and_the_last_assignment_counts(
    group: Group,
) -> None:
    await group.assign(0)
    await asyncio.sleep(0.01)  # it is being restored
    group.pass_on.clear()
    steps = [group.revoke(), group.assign(0), group.revoke(), group.assign(1)]
    await asyncio.sleep(0)
    group.pass_on.set()
    await asyncio.gather(*steps)
    await asyncio.sleep(0.3)
    assert (group.taken, group.most_restoring) == ([[], [], [1]], 1)


@moments
async def test_nothing_is_taken_any_more_once_the_worker_leaves(group: Group) -> None:
    group.pass_on.clear()
    assigned = group.assign(0)
    await asyncio.sleep(0)
    group.member.is_alive = lambda: False
    await group.consumer.on_stop()
    group.pass_on.set()
    await assigned
    await asyncio.sleep(0.1)
    assert group.most_restoring == 0


@moments
async def test_a_transaction_that_fails_while_its_partitions_go_does_not_take_them_again(
    group: Group,
) -> None:
    await group.assign(0)
    await asyncio.sleep(0.1)
    batch = Batch(group.lane.generation)
    assert group.lane.takes(batch)
    group.lane._producer = _refusing()
    revoked = group.revoke()
    await asyncio.sleep(0)
    async with group.lane.transaction(batch):
        pass
    await revoked
    assert group.unclear == 0


@moments
async def test_what_fails_again_and_again_is_tried_less_and_less_often(group: Group) -> None:
    pauses = []
    for _ in range(9):
        group.lane.generation, group.lane._producer = 1, _refusing()
        async with group.lane.transaction(Batch(1)) as parts:
            assert list(parts) == []
        pauses.append(group.lane.tries.pause)
    assert group.unclear == 9
    assert pauses == sorted(pauses)
    assert pauses[0] < 1
    assert pauses[-1] == 10


@moments
async def test_batches_shrink_when_transactions_last_long_and_grow_again(group: Group) -> None:
    """Kafka aborts what lasts for 10 s: a full batch that does would be tried for ever."""
    lane = group.lane
    lane.generation, lane._producer = 1, _refusing()
    async with lane.transaction(Batch(1)):
        pass
    assert lane.most == FIRST_RECORDS // 4
    for _ in range(10):
        lane._fit(lane.most, LONG + 1)
    assert lane.most == FEWEST_RECORDS
    lane._fit(FEWEST_RECORDS, LONG - 1)
    lane._fit(1, 0.1)
    lane._fit(1, LONG + 1)
    assert lane.most == FEWEST_RECORDS
    for _ in range(10):
        lane._fit(lane.most, 0.1)
    assert lane.most == MOST_RECORDS


@pytest.mark.parametrize(("took", "left"), [(0, 100), (30, 70), (80, 50), (5_000, 50)])
def test_a_batch_is_gathered_for_what_its_transaction_leaves_of_the_time(
    took: int, left: int
) -> None:
    """But for half of it at least: else slow brokers would be given more and more transactions."""
    lane = Lane({}, "", 0.1)
    lane._took = took / 1000
    assert round(lane.gathering * 1000) == left


def test_the_inputs_go_on_at_what_waits_and_then_behind_it() -> None:
    """Whoever dies meanwhile has it read again."""
    places = [("consents", 7), ("consents", 8), ("shares", 3), ("fines", 5), ("fines", 4)]
    first, *waiting = (Record(topic, 0, offset, 0, b"ann", b"") for topic, offset in places)
    nothing: Any = None
    held = Held(0, nothing, nothing, nothing)
    batch = Batch(1)
    for record in (first, *waiting):
        batch.add(record)
    part = Part(held, [first, *waiting], nothing, Outcome(left=waiting))
    hold_back(batch, [part])
    assert batch.positions == {("consents", 0): 8, ("shares", 0): 3, ("fines", 0): 4}
    held.left, later = waiting, Batch(1)
    later.add(Record("fines", 0, 6, 0, b"ann", b""))
    hold_back(later, [Part(held, [*waiting, *later.parts[0]], nothing, Outcome())])
    assert later.positions == {("consents", 0): 9, ("shares", 0): 4, ("fines", 0): 7}


@moments
async def test_a_worker_ends_if_it_cannot_take_the_way_back(group: Group) -> None:
    await group.assign(0)
    await asyncio.sleep(0.1)
    lost = RuntimeError("the member has ended")

    def halt() -> int:
        raise lost

    group.member.halt = halt
    group.consumer._unclear()
    await asyncio.sleep(0.1)
    group.expected = [lost]


def _refusing() -> Any:
    """A producer that begins no transaction."""

    def refuse() -> None:
        raise KafkaException(KafkaError(KafkaError._FENCED))

    return SimpleNamespace(begin_transaction=refuse)


# ---- its name in the group and in its transactions


def test_a_worker_has_the_same_name_again_after_a_restart(tmp_path: Path) -> None:
    first = take_name(tmp_path, "group")
    assert first.lock is not None
    first.lock.close()  # as the process's end does
    assert take_name(tmp_path, "group").value == first.value
    assert take_name(tmp_path / "other", "group").value != first.value


def test_a_state_folder_that_cannot_be_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadUsage, match="PLAINSCORE_STATE_DIR"):
        take_name(tmp_path / "file" / "group", "group")


def test_two_workers_on_one_folder_have_two_names(tmp_path: Path) -> None:
    first, second = take_name(tmp_path, "group"), take_name(tmp_path, "group")
    assert first.lock is not None
    assert second.lock is None
    assert first.value != second.value
    in_group = [
        consumer_config(Settings(), each, split(64, 1)).get("group.instance.id")
        for each in (first, second)
    ]
    assert in_group == [first.value, None]  # nobody comes back under the other's


def test_a_worker_has_its_name_to_itself_for_as_long_as_it_runs(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    running = make_app(settings, 1, Published(), Readiness("restored"))
    gc.collect()
    assert not take_name(tmp_path / settings.group, settings.group).kept
    assert running.conf.id == settings.group  # it runs still


@pytest.mark.parametrize("left", ["", "ab12"])
def test_a_name_that_was_cut_short_is_made_anew(tmp_path: Path, left: str) -> None:
    (tmp_path / FILE).write_text(left)
    made = take_name(tmp_path, "group")
    assert made.lock is not None
    made.lock.close()
    assert len((tmp_path / FILE).read_text()) == 32
    assert take_name(tmp_path, "group").value == made.value
