"""`plainscore bench`: how fast a worker is, beside a raw loop and plain Faust."""

import json
import signal
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from streams.cli import show
from streams.cli.broker import fetching
from streams.errors import BadUsage

NAMES = {
    "raw": "raw loop: the same bytes passed on, nothing scored",
    "faust": "plain Faust: agent and Table",
    "lane": "plainscore worker, exactly once",
}
COLUMNS = {
    "events_per_s": "events/s",
    "events_per_cpu_s": "events/CPU-s",
    "peak_rss_mib": "peak MiB",
    "state_bytes_per_citizen": "state bytes/citizen",
    "events": "events",
}


def bench(
    events: Annotated[int, typer.Option(min=1_000, help="Purchases for the worker.")] = 100_000,
    citizens: Annotated[int, typer.Option(min=10, help="Who buy them.")] = 20_000,
    runs: Annotated[int, typer.Option(min=1, help="Of each way, in turn; medians count.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Measure the worker, plain Faust and a raw Kafka loop on an embedded broker of its own.

    Leave the machine alone meanwhile. The raw loop gets the events ten times over, plain Faust
    those of every tenth citizen. A run that scores otherwise than the others is an error.
    """
    if citizens > events:
        raise BadUsage(
            f"{citizens} citizens cannot share {events} purchases",
            next_step="Ask for as many --events as --citizens at least.",
        )
    from streams.bench.load import make
    from streams.bench.measure import WAYS, Bench, Run, summary
    from streams.embedded import Broker

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all is cleaned up
    measured: dict[str, list[Run]] = {way: [] for way in WAYS}
    with (
        tempfile.TemporaryDirectory(prefix="plainscore-bench-") as folder,
        fetching() as progress,
        Broker(on_progress=progress) as running,
        show.waiting("Measuring: leave this machine alone"),
    ):
        started = Bench(running.bootstrap, make(events, citizens), Path(folder))
        for way in ("raw", "lane"):
            started.run(way)  # not counted: a broker is slow at first
        for number in range(1, runs + 1):
            for way in WAYS:
                run = started.run(way)
                measured[way].append(run)
                show.say(f"run {number} of {runs}: {way} {run.events_per_s:,.0f} events/s")
    found = summary(measured)
    if show.on_terminal():
        _show(found)
    if as_json or not show.on_terminal():
        show.text(json.dumps(found))


def _show(found: dict[str, dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("")
    for title in COLUMNS.values():
        table.add_column(title, justify="right")
    for way, values in found.items():
        table.add_row(NAMES[way], *(f"{values[name]:,}" for name in COLUMNS))
    show.console().print(table)
    lane, faust, raw = (found[way]["events_per_s"] for way in ("lane", "faust", "raw"))
    show.text(
        f"The worker is {lane / faust:.1f} times as fast as plain Faust;"
        f" the raw loop is {raw / lane:.1f} times as fast as the worker."
    )
