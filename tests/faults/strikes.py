"""What can befall the workers. Each strike returns once it has struck, and nothing hangs from it.

A strike that did not happen is an error: `Run.struck` counts those that did.
"""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from streams.marks import RECEIPT
from tests.disk import mounted
from tests.faults.run import Run
from tests.faults.wire import Wire
from tests.lane_world import CHANGELOGS, PARTITIONS, Sent

TOMBSTONES_STAY = 1_000  # ms, where logs are compacted while they are written
HOUR = 3_600

Strike = Callable[[Run, str], None]


# ---- before a schedule begins


def prepare(run: Run) -> None:
    """Set up what a fault of the schedule needs from the start."""
    faults = run.schedule.faults
    if "cut" in faults:
        run.wire = run.closing.enter_context(Wire(run.world.brokers))
        run.settings["a"] = {"BROKERS": run.wire.bootstrap}
    if "compaction" in faults or "old folder" in faults:
        run.tombstones_stay = TOMBSTONES_STAY
        _compact_soon(run)


def _compact_soon(run: Run) -> None:
    soon = {
        "segment.ms": "300",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "300",
        "delete.retention.ms": str(TOMBSTONES_STAY),
    }
    wanted = [_setting(ResourceType.TOPIC, run.world.prefix + topic, soon) for topic in CHANGELOGS]
    wanted.append(_setting(ResourceType.BROKER, "0", {"log.cleaner.backoff.ms": "100"}))
    for future in run.admin.incremental_alter_configs(wanted).values():
        future.result()


def _setting(kind: ResourceType, name: str, values: dict[str, str]) -> ConfigResource:
    entries = [
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        for key, value in values.items()
    ]
    return ConfigResource(kind, name, incremental_configs=entries)


# ---- the process


def crash(run: Run, moment: str) -> None:
    """The process is gone between two steps of a transaction, or in a restore."""
    name = run.pick()
    if moment.startswith("restore"):
        run.stop(name)
        run.start(name)
    run.order(name, f"crash {moment}")
    run.successor(name)


def lose(run: Run, moment: str) -> None:
    """The worker hears nothing of its commit: it has happened, or it has not."""
    run.order(run.pick(), f"lose {moment}")


def kill(run: Run, _: str) -> None:
    """kill -9, at no moment in particular."""
    name = run.pick()
    worker = run.workers[name]
    if run.random.random() < 0.75:
        run.until(lambda: worker.events("worker_ready"), "it is ready")
    run.until(run.elapsed(run.random.uniform(0, 0.5)), "a moment has passed")
    run.kill(name)
    run.successor(name)


def sleep(run: Run, moment: str) -> None:
    """A worker stands still in a transaction until the group has given its partitions away."""
    run.company()
    name = run.pick()
    run.order(name, f"sleep {moment}")
    run.until(lambda: run.members() < len(run.workers), "the group goes on without it")
    if run.random.random() < 0.7:
        run.until(run.all_go_on(), "others have gone on with its partitions")
    run.workers[name].process.send_signal(signal.SIGCONT)


def storm(run: Run, _: str) -> None:
    """Workers join, leave and die while partitions are being taken."""
    for name in ("s1", "s2", "s1"):
        if name in run.workers and run.random.random() < 0.5:
            run.kill(name)
        elif name in run.workers:
            run.stop(name)
        else:
            worker = run.start(name)
            event = run.random.choice(("metrics_served", "partition_restored", "worker_ready"))
            run.until(lambda worker=worker, event=event: worker.events(event), event)
    run.kill("s2")


def cut(run: Run, _: str) -> None:
    """A worker hears nothing from its broker for some seconds, nor the broker from it."""
    if "a" not in run.workers:
        run.start("a")
    run.company()
    run.wire.cut()
    held_back = run.wire.held_back
    if run.random.random() < 0.5:
        run.until(lambda: run.members() < len(run.workers), "the group goes on without it")
    else:
        run.until(run.elapsed(run.random.uniform(0.5, 2)), "it was cut for a while")
    run.until(lambda: run.wire.held_back > held_back, "something was held back")
    run.wire.mend()


def clock(run: Run, _: str) -> None:
    """The worker's clock jumps, and sometimes is right again after a restart."""
    seconds = run.random.choice((1, -1)) * run.random.choice((1, 48, 240)) * HOUR
    name = run.pick()
    run.order(name, f"clock{seconds} begin:before")
    if run.random.random() < 0.5:
        run.stop(name)
        run.successor(name)


# ---- the disk


def folder_lost(run: Run, _: str) -> None:
    """All that a worker has on its disk is gone."""
    name = run.pick()
    run.kill(name)
    state = run.ended[-1].state
    if state.exists():
        shutil.rmtree(state)
    run.start(name)


def disk_full(run: Run, _: str) -> None:
    """The disk of a worker fills up, and has room again later."""
    name = "small"
    disk = run.closing.enter_context(mounted(run.world.folder / name / "state"))
    worker = run.start(name).wait_ready()
    disk.fill()
    worker.may_end = True
    run.until(run.elapsed(1), "it may have written")
    if not worker.ended():  # it had no need to write: the next one will have
        worker.kill()
        run.gone(name)
        worker = run.start(name)
        worker.may_end = True
    run.until(worker.ended, "it has seen the disk full")
    run.gone(name)
    assert worker.process.poll() == 3, worker.said()[-3_000:]
    assert "The disk is full" in worker.said()
    disk.make_room()
    run.start(name).wait_ready()


def damage(run: Run, _: str) -> None:
    """Files of a folder are cut short, or hold something else."""
    name = run.pick()
    run.until(lambda: run.workers[name].events("worker_ready"), "it has a folder")
    run.stop(name)
    stopped = run.ended[-1]
    spoil = run.random.choice((_truncate, _overwrite))
    files = sorted(stopped.state.glob("*/partition-*/*.sst"))
    assert files
    for path in files:
        spoil(path)
        run.spoiled.add(path.parent)
    worker = run.start(name)
    worker.may_end = True
    run.until(lambda: worker.ended() or _restored_anew(worker.said()), "it has seen the damage")
    while worker.ended():  # it says which folder to delete
        assert "the state folder is damaged" in worker.said(), worker.said()[-3_000:]
        shutil.rmtree(worker.state)
        run.gone(name)
        worker = run.start(name)
    worker.may_end = False


def _truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xaa" * (path.stat().st_size // 2))


def _restored_anew(said: str) -> bool:
    return "state_folder_restored_anew" in said


# ---- the log


def compaction(run: Run, _: str) -> None:
    """The changelogs are compacted while they are written."""

    def some_are_gone() -> bool:
        seen = run.world.seen()
        return sum(len(seen[topic]) for topic in CHANGELOGS) > len(_keys(run))

    run.until(some_are_gone, "the changelogs are compacted")
    run.kill(run.pick())
    run.start("compacted")


def old_folder(run: Run, _: str) -> None:
    """A folder from before somebody's erasure is put back, after the tombstones have gone."""
    name = run.pick()
    run.until(lambda: run.workers[name].events("worker_ready"), "it has a folder")
    run.stop(name)
    stopped = run.ended[-1]
    kept = run.world.folder / "kept"
    shutil.copytree(stopped.state, kept)
    run.start(name)
    erased, receipt = run.published.names[-1], "receipt-of-the-old-folder"
    run.published.receipts.add(receipt)
    headers = ((RECEIPT, receipt.encode()),)
    gone = Sent.of("consents", {"citizen_id": erased, "occurred_at": 0, "grants": []})
    run.world.send([gone._replace(value=None, headers=headers)])
    run.until(
        lambda: not any(erased.encode() in key for key in _keys(run)), "its tombstones have gone"
    )
    run.kill(name)
    shutil.rmtree(stopped.state)
    shutil.move(kept, stopped.state)
    worker = run.start(name)
    run.until(lambda: _restored_anew(worker.said()), "it has seen that the folder is too old")


def _keys(run: Run) -> list[bytes]:
    """Read the changelogs from their starts, and give the key of each record."""
    consumer = Consumer(
        {
            "bootstrap.servers": run.world.brokers,
            "group.id": "keys",
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,
        }
    )
    places = [
        TopicPartition(run.world.prefix + topic, number, OFFSET_BEGINNING)
        for topic in CHANGELOGS
        for number in range(PARTITIONS)
    ]
    consumer.assign(places)
    keys, left = [], {(each.topic, each.partition) for each in places}
    while left:
        for message in consumer.consume(10_000, 0.05):
            error = message.error()
            if error is None:
                keys.append(message.key())
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard((message.topic(), message.partition()))
    consumer.close()
    return keys


# ---- the brokers


def broker(run: Run, _: str) -> None:
    """One broker of three is killed, and comes back."""
    assert run.cluster is not None
    node = run.random.randrange(run.schedule.brokers)
    run.cluster.kill_node(node)
    run.until(run.elapsed(run.random.uniform(0, 3)), "it was away for a while")
    run.cluster.start_node(node)


STRIKES: dict[str, Strike] = {
    "crash": crash,
    "lose": lose,
    "sleep": sleep,
    "kill": kill,
    "storm": storm,
    "cut": cut,
    "damage": damage,
    "clock": clock,
    "folder lost": folder_lost,
    "disk full": disk_full,
    "compaction": compaction,
    "old folder": old_folder,
    "broker": broker,
}


def strike(run: Run, fault: str) -> None:
    """Have a fault of the schedule happen."""
    if fault in STRIKES:
        STRIKES[fault](run, "")
    else:
        name, _, moment = fault.partition(" ")
        STRIKES[name](run, moment)
    run.struck[fault] += 1
