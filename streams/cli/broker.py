"""`plainscore broker`: a real Kafka on this machine, until Ctrl-C."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from streams import settings
from streams.cli import show
from streams.errors import Unreachable

if TYPE_CHECKING:
    from streams.embedded import Progress


def broker(
    port: Annotated[int, typer.Option(help="Where clients connect; 0 takes any free port.")] = 9092,
    folder: Annotated[
        str | None,
        typer.Option(
            metavar="<path>", help="Keep the records here; without it they are gone when it stops."
        ),
    ] = None,
    nodes: Annotated[int, typer.Option(min=1, max=9, help="How many, on one port each.")] = 1,
) -> None:
    """Run a real Kafka on this machine until Ctrl-C, for one's own use: it listens on loopback."""
    from streams.embedded import Broker

    chosen = settings.load() if folder is None else settings.load(broker_folder=folder)
    kept = chosen.broker_folder
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        suppress(KeyboardInterrupt),
        fetching() as progress,
        Broker(kept, port, nodes, progress) as running,
    ):
        show.result({"brokers": running.bootstrap})
        where = f"Records are kept in {kept}." if kept else "Records go when it stops."
        show.say(f"Kafka runs. {where} Ctrl-C stops it.")
        while not running.ended():
            time.sleep(0.5)
        raise Unreachable(
            "Kafka ended by itself",
            where=running.bootstrap,
            next_step="Check that 1 GB of memory and disk are free, and start it again.",
        )


@contextmanager
def fetching() -> "Iterator[Progress]":
    """Shows how far the first start is with fetching Kafka; gives what a Broker reports to."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("Fetching Kafka, once"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=show.words(), transient=True)
    task = bar.add_task("", total=None)

    def advance(_: str, done: int, total: int) -> None:
        if not bar.console.is_terminal:
            if not done:
                show.say("Fetching Kafka (43 MB), once.")
            return
        bar.start()
        bar.update(task, completed=done, total=total or None)
        if 0 < total <= done:
            bar.stop()

    try:
        yield advance
    finally:
        if bar.live.is_started:
            bar.stop()
