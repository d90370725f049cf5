"""What schedules come to, several of them side by side."""

import multiprocessing
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from streams.embedded import Broker
from tests.faults.run import Run, running
from tests.faults.schedule import drawn
from tests.faults.strikes import prepare, strike

AT_ONCE = 3
BROKERS = 3  # where one of them is to be killed


@dataclass(frozen=True)
class Outcome:
    """What a seed came to; `why` is empty if all held."""

    seed: int
    struck: Counter[str]
    seconds: float
    why: str = ""

    def __str__(self) -> str:
        told = ", ".join(self.struck) or "nothing struck"
        return f"{self.seed}: {'FAILED' if self.why else 'held'} in {self.seconds:.1f} s: {told}"


def outcomes(seeds: Iterable[int], brokers: str) -> Iterator[Outcome]:
    """Carry out the schedules of seeds; those that kill a broker come last, on brokers of theirs.

    The others run in processes of their own, as checking keeps a processor busy.
    """
    schedules = [drawn(seed) for seed in seeds]
    with ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn")) as pool:
        plain = [each.seed for each in schedules if each.brokers == 1]
        for done in as_completed([pool.submit(outcome, seed, brokers) for seed in plain]):
            yield done.result()
    several = [each.seed for each in schedules if each.brokers > 1]
    if several:
        with Broker(nodes=BROKERS) as cluster:
            for seed in several:
                yield outcome(seed, cluster.bootstrap, cluster)


def outcome(seed: int, brokers: str, cluster: Broker | None = None) -> Outcome:
    """Carry out the schedule of a seed."""
    began, struck = time.monotonic(), Counter[str]()
    try:
        with running(drawn(seed), brokers, cluster) as run:
            struck = run.struck
            _carry_out(run)
    except Exception:
        return Outcome(seed, struck, time.monotonic() - began, traceback.format_exc())
    return Outcome(seed, struck, time.monotonic() - began)


def _carry_out(run: Run) -> None:
    faults = run.schedule.faults
    prepare(run)
    for name in ("a", "b")[: run.schedule.workers]:
        run.start(name)
    run.until(run.some_are_ready, "somebody works")
    share = 1 / (len(faults) + 1)
    for number, fault in enumerate(faults):
        run.send_to((number + run.random.random()) * share)
        run.open_share((number + 1) * share)
        strike(run, fault)
    run.finish()
    assert run.struck == Counter(faults), f"drawn {faults}, struck {run.struck}"
