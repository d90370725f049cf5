"""Partitions that a worker takes are opened together: all of them, or none."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from streams import metrics, partitions
from streams.errors import PlainscoreError
from streams.memory import split
from streams.partitions import AT_ONCE, Partitions
from streams.ready import Readiness
from streams.settings import Settings
from streams.standby import Standby
from streams.tables.counted import Counted
from streams.tables.partition import PartitionStore, partition_folder
from streams.tables.restore import Restored

PARTITIONS = 5


class Restores:
    """In place of the changelogs: folders that open at once, or when they may."""

    def __init__(self) -> None:
        self.open_now = self.most = 0
        self.meeting: threading.Barrier | None = None  # of those that are opened side by side
        self.began: list[int] = []
        self.lock = threading.Lock()
        self.fails: int | None = None
        self.waits: int | None = None

    def __call__(self, folder: Path, number: int, *given: Any) -> tuple[PartitionStore, Restored]:
        with self.lock:
            self.began.append(number)
            self.open_now += 1
            self.most = max(self.most, self.open_now)
        try:
            if number == self.fails:
                raise PlainscoreError("it cannot be", where="here", next_step="Wait.")
            if self.meeting is not None:
                self.meeting.wait(10)
            store = PartitionStore.open(partition_folder(folder, number))
            try:
                on_progress = given[-2]
                while number == self.waits:
                    on_progress(0, 1)
            except BaseException:
                time.sleep(0.2)  # a disk takes its time
                store.close()
                raise
            return store, Restored(number, 0.5, Counted(1))
        finally:
            with self.lock:
                self.open_now -= 1


@pytest.fixture
def restores(monkeypatch: pytest.MonkeyPatch) -> Restores:
    replaced = Restores()
    monkeypatch.setattr(partitions, "open_restored", replaced)
    monkeypatch.setattr(partitions, "changelog_ends", lambda numbers, *_: dict.fromkeys(numbers))
    return replaced


@pytest.fixture
def taken(tmp_path: Path) -> Partitions:
    return Partitions(Settings(), PARTITIONS, Readiness(), tmp_path, split(512, PARTITIONS))


def nothing_is_open(folder: Path) -> bool:
    """RocksDB lets nobody open a folder twice."""
    for number in range(PARTITIONS):
        PartitionStore.open(partition_folder(folder, number)).close()
    return True


def nothing_is_told() -> bool:
    """Whoever has the partitions tells how many citizens they hold, and what is left to restore."""
    names = ("plainscore_citizens", "plainscore_restore_remaining_records")
    return not any(
        metrics.REGISTRY.get_sample_value(name, {"partition": str(number)})
        for number in range(PARTITIONS)
        for name in names
    )


def test_all_are_opened_some_at_a_time_and_given_in_order(
    tmp_path: Path, restores: Restores, taken: Partitions
):
    restores.meeting = threading.Barrier(AT_ONCE)
    numbers = [3, 0, 4, 1]
    held = asyncio.run(taken.open_all(numbers))
    assert [each.number for each in held] == numbers
    assert restores.most == AT_ONCE
    for each in held:
        each.store.close()
        metrics.drop(each.number)
    assert nothing_is_open(tmp_path)


@pytest.mark.parametrize("number", range(PARTITIONS))
def test_if_one_cannot_be_opened_none_stays_open(
    tmp_path: Path, restores: Restores, taken: Partitions, number: int
):
    restores.fails = number

    async def fail() -> None:
        with pytest.raises(PlainscoreError, match="it cannot be"):
            await taken.open_all(list(range(PARTITIONS)))
        assert nothing_is_open(tmp_path)  # at once, as another worker opens them next
        assert nothing_is_told()

    asyncio.run(fail())


@pytest.mark.parametrize("number", range(PARTITIONS))
def test_if_nobody_waits_any_more_none_stays_open(
    tmp_path: Path, restores: Restores, taken: Partitions, number: int
):
    restores.waits = number

    async def leave() -> None:
        opening = asyncio.ensure_future(taken.open_all(list(range(PARTITIONS))))
        while number not in restores.began:
            await asyncio.sleep(0.01)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert nothing_is_open(tmp_path)
        assert nothing_is_told()

    asyncio.run(leave())


def test_a_copy_that_could_not_be_made_does_not_count() -> None:
    """Who relies on it must not find out when the other worker is gone."""
    tried: list[int] = []

    async def copy(number: int) -> None:
        tried.append(number)
        if number == 1:
            raise PlainscoreError("it cannot be", where="here", next_step="Wait.")

    async def keep() -> None:
        standby = Standby(copy)
        standby.keep([0, 1, 2])
        while len(tried) < 3:
            await asyncio.sleep(0.01)
        assert metrics.REGISTRY.get_sample_value("plainscore_copies") == 2
        await standby.stop()

    asyncio.run(keep())
