"""What a second worker adds: the same events through one worker, and through two.

Run as `python -m streams.bench.workers [EVENTS CITIZENS]`; gives a JSON object. Load, broker and
workers share this machine's processors, so its clock says little of two machines. What counts there
is the worker that has most to do: as many events as the seconds of a processor that it needed.
"""

import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from streams.bench.load import FULL, Load, make
from streams.bench.measure import MEASURE_SECONDS
from streams.bench.process import Process, broker_cpu_seconds
from streams.bench.send import Sender
from streams.bench.stage import Stage
from streams.bench.ways import Lane
from streams.embedded import Broker

ROUNDS = 3
SETTLED = 3.0  # seconds after the last worker has its partitions


@dataclass(frozen=True)
class Shared:
    """What the events came to with a number of workers."""

    seconds: float
    cpu_seconds: list[float]  # of each worker
    broker_cpu_seconds: float


def shared(broker: Broker, load: Load, workers: int, folder: Path) -> Shared:
    """Run the events once through so many workers of one group."""
    way = Lane("workers", 100)
    with Stage(broker.bootstrap, way.name, folder) as stage, ExitStack() as running:
        prepared = way.prepare(stage, load)
        sender = Sender(stage.brokers, stage.prefix)
        ends = sender.send(load.events)
        processes: list[Process] = []
        for number in range(workers):
            state = stage.folder / f"state-{number}"
            each = running.enter_context(way.start(stage, load, state))
            each.wait(partial(way.began_again, each), "its start", MEASURE_SECONDS)
            processes.append(each)
        processes[0].wait(lambda: stage.reached(prepared), "the consents", MEASURE_SECONDS)
        time.sleep(SETTLED)
        before, of_broker = [each.cpu_seconds() for each in processes], broker_cpu_seconds(broker)
        began = time.monotonic()
        sender.release()
        processes[0].wait(lambda: stage.reached(ends), "the last event", MEASURE_SECONDS)
        seconds = time.monotonic() - began
        used = [each.cpu_seconds() - was for each, was in zip(processes, before, strict=True)]
        of_broker = broker_cpu_seconds(broker) - of_broker
        for each in processes:
            each.stop()
    return Shared(seconds, used, of_broker)


def main(events: str = "300000", citizens: str = "50000") -> None:
    """Take turns, and give medians."""
    load = make(int(events), int(citizens), FULL)
    found: dict[int, list[Shared]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="plainscore-workers-") as folder, Broker() as broker:
        shared(broker, load, 1, Path(folder))  # not counted: a broker is slow at first
        for _ in range(ROUNDS):
            for workers, runs in found.items():
                runs.append(shared(broker, load, workers, Path(folder)))
    busiest = {n: median(max(run.cpu_seconds) for run in runs) for n, runs in found.items()}
    told = {
        f"workers_{n}": {
            "events_per_s": round(len(load.events) / median(run.seconds for run in runs)),
            "events_per_cpu_s": round(
                len(load.events) / median(sum(run.cpu_seconds) for run in runs)
            ),
            "events_per_cpu_s_of_the_busiest": round(len(load.events) / busiest[n]),
            "broker_cpu_us_per_event": round(
                median(run.broker_cpu_seconds for run in runs) / len(load.events) * 1e6, 1
            ),
        }
        for n, runs in found.items()
    }
    told_of_both = {**told, "second_worker": round(busiest[1] / busiest[2], 2)}
    sys.stdout.write(json.dumps(told_of_both) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
