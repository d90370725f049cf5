"""What an event costs as the number of citizens grows.

Run as `python -m streams.bench.growth CITIZENS...`, with room for 1 KiB a citizen in memory and for
2 on the disk of temporary files. All citizens have consented before the same number of events
comes, as uneven as in `plainscore bench --full`: once the very same events, of 10,000 of them, so
that nothing differs but how many others there are; and once of all of them, who share a batch's
reading and writing less the more they are. Each gives a JSON object on a line.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from streams.bench.load import FULL, make
from streams.bench.measure import After, Bench, Run
from streams.bench.ways import Lane
from streams.embedded import Broker

EVENTS = 200_000
SOME = 10_000  # citizens


def main(*sizes: str) -> None:
    """Measure one size after the other, each on a broker of its own that has warmed up."""
    way = Lane("lane_100_ms", 100)
    of_some = make(EVENTS, SOME, FULL)
    for size in map(int, sizes):
        of_all = make(EVENTS, size, FULL)
        loads = {SOME: replace(of_all, events=of_some.events), size: of_all}
        with (
            tempfile.TemporaryDirectory(prefix="plainscore-growth-") as folder,
            Broker(Path(folder) / "broker") as broker,
        ):
            Bench(broker, of_some, Path(folder)).run(way)
            for active, load in loads.items():
                told = {"citizens": size, "events_of": active}
                told |= _told(*Bench(broker, load, Path(folder)).run_full(way))
                sys.stdout.write(json.dumps(told) + "\n")
                sys.stdout.flush()


def _told(run: Run, after: After) -> dict[str, int]:
    calm, restored = after.at_calm, after.restored_per_s
    assert calm is not None
    assert restored is not None
    told = {
        "worker_cpu_us_per_event": run.cpu_seconds / run.events * 1e6,
        "broker_cpu_us_per_event": run.broker_cpu_seconds / run.events * 1e6,
        "events_per_s": run.events_per_s,
        "peak_rss_mib": run.peak_rss_mib,
        "state_bytes_per_citizen": run.state_bytes / run.citizens,
        "restored_records_per_s": restored,
        "p50_ms_at_2000_per_s": calm.p50,
        "p99_ms_at_2000_per_s": calm.p99,
    }
    return {name: round(value) for name, value in told.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
