"""`plainscore demo`: real purchases scored on a real Kafka, through a kill -9, and recounted."""

import shlex
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import show
from streams.cli.broker import fetching
from streams.cli.rows import Mapped, Row, form_of, opened, rows
from streams.errors import BadData, BadUsage, PlainscoreError

if TYPE_CHECKING:
    from streams.demo.purchases import Purchases
    from streams.demo.running import Worker
    from streams.embedded import Broker


def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it running afterwards, until Ctrl-C.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option(help="Your own purchases (CSV or NDJSON, see schemas/purchases.avsc)."),
    ] = None,
) -> None:
    """Score real purchases on a Kafka of its own, kill the worker half way, recount every score.

    Needs no broker and leaves nothing behind. Exit code 1 if any score differs from the recount.
    """
    from streams.demo import acts, invented, purchases
    from streams.demo.outsider import Outsider
    from streams.demo.running import Worker
    from streams.demo.telling import tell
    from streams.embedded import KAFKA, Broker

    began = show.now()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all is cleaned up
    bought = _of_file(file) if file else purchases.cdnow()
    whose = f"of {file}" if file else "of the CD shop CDNOW, 1997 and 1998: real ones"
    tell(f"{len(bought.records):,} purchases by {len(bought.citizens):,} citizens {whose}.")
    more = sum(map(invented.shows_more, bought.citizens))
    tell(
        f"{more:,} of them let fines and payments be read too. Those are invented (by a fixed "
        "seed); so are the consents."
    )
    with ExitStack() as running:
        broker = running.enter_context(Broker(on_progress=running.enter_context(fetching())))
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="plainscore-demo-")))
        tell(f"Kafka {KAFKA} runs on {broker.bootstrap}.")
        acts.set_up(broker.bootstrap)
        outsider = running.enter_context(Outsider(broker.bootstrap))
        worker = running.enter_context(Worker(broker.bootstrap, acts.PARTITIONS, folder))
        played = acts.Demo(broker.bootstrap, bought, began, outsider, worker)
        played.flow()
        played.recount()
        played.scores()
        played.rights()
        same = played.proof()
        if keep:
            _keep(broker, worker, played.told_about)
    if not same:
        raise typer.Exit(1)


def _keep(broker: "Broker", worker: "Worker", citizen: str) -> None:
    """Leave broker and worker running until Ctrl-C."""
    from streams.demo.telling import head, tell

    name = Path(sys.argv[0])
    ours = [str(name)] if name.stem == "plainscore" else [sys.executable, "-m", "streams"]
    command = f"PLAINSCORE_BROKERS={broker.bootstrap} {shlex.join(ours)}"
    event = "fines offence=speeding severity=moderate amount=120 source=invented-city"
    head(f"Running on {broker.bootstrap} until Ctrl-C. Try in another terminal:")
    tell(f"{command} explain {citizen}")
    tell(f"{command} what-if {citizen} --add '{event}'")
    tell(f"{command} export {citizen}")
    with suppress(KeyboardInterrupt):
        while not broker.ended():
            worker.done("ticks")  # raises if it has gone
            time.sleep(0.5)


def _of_file(path: Path) -> "Purchases":
    """Read purchases with the topic's fields; an event_id that is not given is made.

    BadData names the first line that is wrong: a demo of half a file would prove nothing.
    """
    from streams.demo.purchases import of_records

    mapped = Mapped("purchases", {}, {})
    try:
        with opened(path) as source:
            form = form_of(path, None, mapped)
            found = [_purchase(row, path) for row in rows(source, form, mapped)]
    except BadUsage as error:  # its advice is options of `publish`, and this has none of them
        raise BadUsage(
            error.what,
            where=error.where,
            next_step="Name it .csv or .ndjson, and its columns as in schemas/purchases.avsc.",
        ) from error
    if not found:
        raise BadData("The file holds no purchases", where=str(path))
    return of_records(found)


def _purchase(row: Row, path: Path) -> dict[str, Any]:
    from streams.client.shape import natural_id, shaped
    from streams.validity import problem

    place = f"{path}, line {row.line}"
    if isinstance(row.values, PlainscoreError):
        raise BadData(row.values.what, where=place, next_step=row.values.next_step)
    try:
        record = shaped("purchases", {"event_id": "", **row.values})
    except BadData as error:
        raise BadData(error.what, where=place, next_step=error.next_step) from None
    # With the line in its id, two equal purchases stay two.
    record["event_id"] = record["event_id"] or f"{natural_id('purchases', record)}-{row.line}"
    if wrong := problem("purchases", record, show.now()):
        raise BadData(wrong[1], where=place, next_step="Mend this line and run the demo again.")
    return record
