"""What an event costs as the number of citizens grows.

Run as `python -m streams.bench.growth CITIZENS...`, with room for 1 KiB a citizen in memory and for
2 on the disk of temporary files. All of them have consented before the same number of events comes,
as unevenly as in `plainscore bench --full`. Each number gives a JSON object on a line: the better
of two runs, since what a busy machine does meanwhile only ever costs more.
"""

import json
import sys
import tempfile
from pathlib import Path

from streams.bench.load import FULL, make
from streams.bench.measure import After, Bench, Run
from streams.bench.ways import Lane
from streams.embedded import Broker

EVENTS = 200_000
RUNS = 2


def main(*sizes: str) -> None:
    """Measure one size after the other, each on a broker of its own that has warmed up."""
    way = Lane("lane_100_ms", 100)
    for size in sizes:
        with (
            tempfile.TemporaryDirectory(prefix="plainscore-growth-") as folder,
            Broker(Path(folder) / "broker") as broker,
        ):
            Bench(broker, make(EVENTS // 4, 10_000, FULL), Path(folder)).run(way)
            bench = Bench(broker, make(EVENTS, int(size), FULL), Path(folder))
            runs = [bench.run_full(way) for _ in range(RUNS)]
        best = max(runs, key=lambda run: run[0].events_per_cpu_s)
        sys.stdout.write(json.dumps(_told(*best)) + "\n")
        sys.stdout.flush()


def _told(run: Run, after: After) -> dict[str, int]:
    calm, restored = after.at_calm, after.restored_per_s
    assert calm is not None
    assert restored is not None
    told = {
        "citizens": run.citizens,
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
