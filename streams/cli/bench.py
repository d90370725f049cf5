"""`plainscore bench`: how fast a worker is, beside a raw loop and plain Faust."""

import json
import signal
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.table import Table

from streams.cli import show
from streams.cli.broker import fetching
from streams.errors import BadUsage, PlainscoreError

if TYPE_CHECKING:
    from streams.bench.measure import Run
    from streams.bench.ways import Way

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
FULL_NAMES = {
    "raw": "raw loop",
    "faust": "plain Faust",
    "lane_at_least_once": "at least once",
    "lane_20_ms": "20 ms",
    "lane_100_ms": "100 ms",
    "lane_1_s": "1 s",
}
FULL_ROWS = {
    "events_per_s": "events/s",
    "events_per_cpu_s": "events/CPU-s",
    "broker_cpu_us_per_event": "broker CPU us/event",
    "latency_at_2000_per_s": "ms at 2,000/s: {}",
    "latency_at_half_of_its_most": "ms at half its most: {}",
    "peak_rss_mib": "peak MiB",
    "state_bytes_per_citizen": "state bytes/citizen",
    "restored_records_per_s": "restored records/s",
    "events": "events",
}
PERCENTILES = {"p50_ms": "p50", "p99_ms": "p99", "p99_9_ms": "p99.9"}
SIZES = {False: (100_000, 20_000), True: (300_000, 50_000)}  # --full: events, citizens

Measured = TypeVar("Measured")


def bench(
    events: Annotated[
        int | None,
        typer.Option(min=1_000, help="Events for the worker.", show_default="100,000 or 300,000"),
    ] = None,
    citizens: Annotated[
        int | None,
        typer.Option(min=10, help="Whose they are.", show_default="20,000 or 50,000"),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Of each way, in turn; medians count.")] = 3,
    full: Annotated[
        bool,
        typer.Option("--full", help="All kinds of event, commits and measures; half an hour."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end.")] = False,
) -> None:
    """Measure the worker, plain Faust and a raw Kafka loop on an embedded broker of its own.

    Leave the machine alone meanwhile. The raw loop gets the events several times over, plain Faust
    those of every tenth citizen. A run that scores otherwise than the others is an error. One that
    stands still for minutes is given up; the others are measured, and the exit code is 1. With
    --full the worker runs with commits of 20 ms, 100 ms and 1 s, and without transactions; latency
    and restore are measured too.
    """
    events = events or SIZES[full][0]
    citizens = citizens or SIZES[full][1]
    if citizens > events:
        raise BadUsage(
            f"{citizens} citizens cannot share {events} events",
            next_step="Ask for as many --events as --citizens at least.",
        )
    from streams.bench.load import FULL, PURCHASES, make
    from streams.bench.measure import Bench
    from streams.bench.summary import full_summary, summary
    from streams.bench.ways import FULL_WAYS, WAYS
    from streams.embedded import Broker

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all is cleaned up
    load = make(events, citizens, FULL if full else PURCHASES)
    with (
        tempfile.TemporaryDirectory(prefix="plainscore-bench-") as folder,
        fetching() as progress,
        Broker(on_progress=progress) as running,
        show.waiting("Measuring: leave this machine alone"),
    ):
        started = Bench(running, load, Path(folder))
        for way in (WAYS[0], WAYS[-1]):
            started.run(way)  # not counted: a broker is slow at first
        if full:
            full_runs, still = _in_turn(FULL_WAYS, runs, started.run_full, lambda of: of[0])
            found = full_summary(full_runs)
        else:
            short_runs, still = _in_turn(WAYS, runs, started.run, lambda of: of)
            found = summary(short_runs)
    if show.on_terminal():
        (_show_full if full else _show)(found)
    if as_json or not show.on_terminal():
        show.text(json.dumps(found))
    if still:
        raise PlainscoreError(
            f"What stood still counts for nothing: {', '.join(still)}",
            next_step="The other figures stand. What it said last is told above.",
        )


def _in_turn(
    ways: "Sequence[Way]",
    runs: int,
    run: "Callable[[Way], Measured]",
    run_of: "Callable[[Measured], Run]",
) -> tuple[dict[str, list[Measured]], list[str]]:
    """Run all ways, and all of them again, so that what the machine does meanwhile hits all.

    Gives the runs of each way that has any, and names those that stood still.
    """
    from streams.bench.process import StoodStill

    measured: dict[str, list[Measured]] = {way.name: [] for way in ways}
    still = []
    for number in range(1, runs + 1):
        for way in ways:
            told = f"run {number} of {runs}: {way.name}"
            try:
                done = run(way)
            except StoodStill as error:
                still.append(f"{way.name} in run {number}")
                show.say(f"{told}: {error}")
                continue
            measured[way.name].append(done)
            show.say(f"{told} {run_of(done).events_per_s:,.0f} events/s")
    return {way: each for way, each in measured.items() if each}, still


def _show(found: dict[str, dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("")
    for title in COLUMNS.values():
        table.add_column(title, justify="right")
    for way, values in found.items():
        table.add_row(NAMES[way], *(f"{values[name]:,}" for name in COLUMNS))
    show.console().print(table)
    if found.keys() < NAMES.keys():
        return
    lane, faust, raw = (found[way]["events_per_s"] for way in ("lane", "faust", "raw"))
    show.text(
        f"The worker is {lane / faust:.1f} times as fast as plain Faust;"
        f" the raw loop is {raw / lane:.1f} times as fast as the worker."
    )


def _show_full(found: dict[str, dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold")
    table.add_column("")
    for way in found:
        table.add_column(FULL_NAMES[way], justify="right")
    for row, title in FULL_ROWS.items():
        values = [each[row] for each in found.values()]
        if row.startswith("latency"):
            for percentile, short in PERCENTILES.items():
                cells = (_cell(each and each[percentile]) for each in values)
                table.add_row(title.format(short), *cells)
        else:
            table.add_row(title, *map(_cell, values))
    show.console().print(table)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:,}"
