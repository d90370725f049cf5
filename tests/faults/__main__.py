"""Run the schedules of seeds, and say what struck and what came of it.

python -m tests.faults SEED [FIRST-LAST ...]    exit code 1 if any failed
python -m tests.faults --brokers HOST:PORT ...  on a broker that runs already
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack

from streams.embedded import Broker
from tests.faults.outcome import Outcome, outcomes
from tests.faults.schedule import FAULTS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("seeds", nargs="+", type=_range, metavar="SEED")
    parser.add_argument("--brokers", metavar="HOST:PORT")
    arguments = parser.parse_args()
    seeds = [seed for several in arguments.seeds for seed in several]
    done = []
    with ExitStack() as stack:
        brokers = arguments.brokers or stack.enter_context(Broker()).bootstrap
        for each in outcomes(seeds, brokers):
            print(each, *(f"    {line}" for line in each.why.splitlines()), sep="\n", flush=True)
            done.append(each)
    print(table(done))
    return 1 if any(each.why for each in done) else 0


def _range(text: str) -> Iterable[int]:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def table(done: Iterable[Outcome]) -> str:
    """Give how often each fault struck, and how many seeds held."""
    done = list(done)
    struck: Counter[str] = sum((each.struck for each in done), Counter())
    rows = [f"{name:24}{struck.get(name, 0):6}" for name in sorted({*FAULTS, *struck})]
    failed = sorted(each.seed for each in done if each.why)
    return "\n".join([*rows, f"{len(done)} seeds, failed: {failed or 'none'}"])


if __name__ == "__main__":
    sys.exit(main())
