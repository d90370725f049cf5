"""`plainscore demo`: real purchases scored on a real Kafka, through a kill -9, and recounted."""

import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import show
from streams.cli.broker import fetching
from streams.cli.rows import Mapped, Row, form_of, opened, rows
from streams.errors import BadData, PlainscoreError, Unreachable

if TYPE_CHECKING:
    from streams.client import Publisher
    from streams.demo.flow import Flow
    from streams.demo.outsider import Outsider
    from streams.demo.purchases import Purchases
    from streams.demo.recounted import Key, Life
    from streams.demo.running import Worker
    from streams.embedded import Broker

PARTITIONS = 4
PATIENCE = 60.0  # seconds without any progress
QUIET = 1.0  # seconds without a change, after which the worker is taken to be done
SHOWN = 20  # differing scores
LEFT_OUT = 3  # events on record that do not count, in the explanation
EXAMPLES = ("everyday", "rider")


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
    from streams.demo import invented, purchases
    from streams.demo.outsider import Outsider
    from streams.demo.running import Worker
    from streams.embedded import KAFKA, Broker

    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bought = _of_file(file) if file else purchases.cdnow()
    whose = f"of {file}" if file else "of the CD shop CDNOW, 1997 and 1998: real ones"
    _tell(f"{len(bought.records):,} purchases by {len(bought.citizens):,} citizens {whose}.")
    more = sum(map(invented.shows_more, bought.citizens))
    _tell(
        f"{more:,} of them let fines and payments be read too. Those are invented (by a fixed "
        "seed); so are the consents."
    )
    with ExitStack() as open_:
        broker = open_.enter_context(Broker(on_progress=open_.enter_context(fetching())))
        folder = Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="plainscore-demo-")))
        _tell(f"Kafka {KAFKA} runs on {broker.bootstrap}.")
        _set_up(broker.bootstrap)
        outsider = open_.enter_context(Outsider(broker.bootstrap))
        worker = open_.enter_context(Worker(broker.bootstrap, folder))
        told = _Demo(broker.bootstrap, bought, outsider, worker)
        told.flow()
        told.scores()
        told.rights()
        same = told.proof(started)
        if keep:
            told.keep(broker)
    if not same:
        raise typer.Exit(1)


class _Demo:
    """The acts of the demo, in order; each tells what it shows."""

    def __init__(
        self, brokers: str, bought: "Purchases", outsider: "Outsider", worker: "Worker"
    ) -> None:
        self.brokers = brokers
        self.bought = bought
        self.outsider = outsider
        self.worker = worker
        self.end = bought.end(show.now())  # as of when all is read, in ms
        self.told_about = ""

    # ---- publish, score, kill

    def flow(self) -> None:
        from streams.demo.flow import Flow
        from streams.topics import KINDS

        begun = time.monotonic()
        with Flow(self.brokers, self.bought, show.now()) as flow:
            total, killed = len(flow.events), False
            patience = _Patience("The worker does not go on")
            with _bars(published=total, scored=total) as bars:
                while True:
                    done = self.worker.done(*KINDS)
                    sent = flow.sent()
                    bars("published", flow.published)
                    bars("scored", done)
                    if self.worker.done("consents"):
                        flow.go_on()  # the worker is at work
                    if not killed and done >= total // 2:
                        self.worker.kill()
                        self.worker.start()
                        killed = True
                        _tell(
                            f"Killed the worker (kill -9) after {done:,} of {total:,} events, with "
                            f"{flow.published:,} published, and started another."
                        )
                    if sent and done >= total:
                        break
                    patience.hold((flow.published, done, self.outsider.count("score-changes")))
                    time.sleep(0.1)
        self._pass_time()
        self._tell_flow(flow, time.monotonic() - begun)

    def _tell_flow(self, flow: "Flow", seconds: float) -> None:
        kinds = Counter(topic for topic, _ in flow.events)
        _tell(
            f"{kinds['purchases']:,} purchases, {kinds['fines']:,} invented fines and "
            f"{kinds['payments']:,} invented payments are scored, in {seconds:.0f} s."
        )
        changes, letters = self.outsider.count("score-changes"), self.outsider.count("dead-letters")
        refused = f"; {letters:,} records were refused as dead letters" if letters else ""
        _tell(f"{changes:,} changes of scores were published, each with its reasons{refused}.")

    def _pass_time(self) -> None:
        """Let all be read as of the end of the purchases; wait until that has come to everyone."""
        from streams.client import Publisher

        with Publisher(self.brokers) as publisher:
            publisher.tick(self.end)
        patience = _Patience("The worker does not let time pass")
        while self.worker.done("ticks") < PARTITIONS or patience.waited() < QUIET:
            patience.hold(self.outsider.count("scores", "score-changes"))
            time.sleep(0.05)

    # ---- scores

    def scores(self) -> None:
        from streams.demo.chart import chart
        from streams.demo.recounted import latest, published

        standings = latest(self.outsider.records)
        held = published(self.outsider.records)
        for scorecard_id in EXAMPLES:
            mine = [each for key, each in standings.items() if key.scorecard == scorecard_id]
            if not mine:
                continue
            scorecard = held.in_force(scorecard_id, self.end)
            assert scorecard
            what = {"everyday": "purchases, and for some invented fines and payments"}
            _head(
                f"Scores by `{scorecard_id}` ({what.get(scorecard_id, 'invented fines only')}), "
                f"as of {show.brief(self.end)[:10]}"
            )
            for line in chart([each.score for each in mine], scorecard.high):
                _tell(line)
            _tell("")
            tiers = Counter(each.tier for each in mine)
            for tier in reversed(scorecard.tiers):
                perks = " ".join(perk.text for perk in scorecard.perks if perk.tier == tier.id)
                _tell(f"{tier.id:>10} from {tier.start} {tiers[tier.id]:>8,}  {perks}".rstrip())

    # ---- rights

    def rights(self) -> None:
        from streams.client import Publisher, Reader
        from streams.demo import chosen
        from streams.demo.recounted import published
        from streams.scoring.explain import explain, in_words

        seen = self.outsider.records
        life = chosen.citizen(seen)
        self.told_about = life.citizen
        with Reader(self.brokers) as reader:
            stored = reader.citizen(life.citizen)
        if stored is None:
            raise PlainscoreError(f"Nothing is stored of {life.citizen}")
        page = published(seen).in_force(chosen.SCORECARD, life.as_of)
        assert page
        told = explain(stored.citizen, stored.ledger, stored.citizen.as_of, page)
        _head(f"What {life.citizen} is told (purchases real, fines and payments invented)")
        said = in_words(told._replace(left_out=told.left_out[:LEFT_OUT]))
        for sentence in said:
            _tell(sentence)
        if len(told.left_out) > LEFT_OUT:
            _tell(f"- and {len(told.left_out) - LEFT_OUT} more.")
        with Publisher(self.brokers) as publisher:
            self._dispute(publisher, life)
            self._withdrawal(publisher, life)

    def _dispute(self, publisher: "Publisher", life: "Life") -> None:
        from streams.demo import chosen
        from streams.demo.recounted import Key

        seen, key = self.outsider.records, Key(life.citizen, chosen.SCORECARD)
        disputed = chosen.dispute(seen, life)
        before = chosen.standing(seen, key)
        kind, source, event_id = disputed.about
        publisher.dispute(
            life.citizen,
            {
                "kind": kind,
                "source": source,
                "event_id": event_id,
                "occurred_at": disputed.occurred_at,
            },
            statement="That was not me.",
        )
        _until(
            lambda: chosen.standing(seen, key) == disputed.then,
            "The dispute did not change the score as it should",
        )
        _head(f"{life.citizen} disputes an event: {kind} {event_id} of {source}")
        assert before
        _tell(
            f"Before: {before.score}, {before.tier}. Now: {disputed.then.score}, "
            f"{disputed.then.tier}. It counts for nothing until somebody decides, and for ever if "
            "nobody does within 30 days."
        )

    def _withdrawal(self, publisher: "Publisher", life: "Life") -> None:
        from streams.client import Reader
        from streams.codec import decode

        others = [each for each in reversed(self.bought.citizens) if each != life.citizen]
        leaving = others[0] if others else life.citizen
        receipt_id = publisher.withdraw(leaving)

        def receipt() -> dict[str, Any] | None:
            for each in self.outsider.records["receipts"]:
                if each.key == receipt_id.encode() and each.value is not None:
                    return decode("receipts", each.value)
            return None

        _until(lambda: receipt() is not None, "No receipt of the erasure came")
        found = receipt()
        assert found
        with Reader(self.brokers) as reader:
            left = reader.citizen(leaving)
        if left is not None:
            raise PlainscoreError(f"{leaving} has withdrawn, and something is stored still")
        erased = found["erased"]
        _head(f"{leaving} withdraws")
        _tell(
            f"Erased, says the receipt: {_counted(erased['scorecards'], 'score')} and "
            f"{_counted(erased['entries'], 'event')}. The last copy in Kafka is gone by "
            f"{show.brief(found['erased_by'])[:10]}. Receipt {receipt_id}."
        )

    # ---- proof

    def proof(self, started: float) -> bool:
        """Compare every score with the recount, and say it; False if any differs."""
        from streams.demo.recounted import differing, expected, latest, unsteady

        seen = self.outsider.records
        _head("The recount: each score from scratch, from the topics alone")
        left = len(self.bought.citizens) - 1
        with _bars(recounted=left) as bars:
            count = 0

            def on_citizen() -> None:
                nonlocal count
                count += 1
                if count % 100 == 0 or count == left:
                    bars("recounted", count)

            wanted = expected(seen, on_citizen)
        different = differing(wanted, latest(seen))
        broken = unsteady(seen)
        citizens = len({key.citizen for key in wanted})
        _tell(
            f"{len(wanted):,} scores of {citizens:,} citizens (one has withdrawn), "
            f"{len(seen['score-changes']):,} changes; {time.monotonic() - started:.0f} s in all."
        )
        if broken:
            _tell(
                f"The changes of {_counted(len(broken), 'score')} have gaps or repeats: "
                + _listed(broken)
            )
        else:
            _tell("No change was published twice and none is missing, in spite of the kill.")
        counted = f"{len(seen['purchases']):,} purchases, {citizens:,} citizens"
        if different:
            whose = sorted({key.citizen for key in different})
            _tell(f"These differ: {_listed(different)}")
            _tell(f"{counted}: the scores of {len(whose):,} citizens differ from the recount")
        elif not broken:
            _tell(f"{counted}: every score equals the recount")
        return not different and not broken

    # ---- play

    def keep(self, broker: "Broker") -> None:
        """Leave broker and worker running until Ctrl-C."""
        name = Path(sys.argv[0])
        ours = [str(name)] if name.stem == "plainscore" else [sys.executable, "-m", "streams"]
        command = f"PLAINSCORE_BROKERS={self.brokers} {shlex.join(ours)}"
        _head(f"Running on {self.brokers} until Ctrl-C. Try in another terminal:")
        _tell(f"{command} explain {self.told_about}")
        _tell(
            f"{command} what-if {self.told_about} --add "
            "'fines offence=speeding severity=moderate amount=120 source=invented-city'"
        )
        _tell(f"{command} watch --citizen {self.told_about}")
        with suppress(KeyboardInterrupt):
            while not broker.ended():
                self.worker.done("ticks")  # raises if it has gone
                time.sleep(0.5)


# ---- its parts


def _set_up(brokers: str) -> None:
    """Make the topics and publish the scorecards."""
    from streams import scorecards
    from streams.client import Publisher, admin

    admin.apply(brokers, partitions=PARTITIONS)
    with Publisher(brokers) as publisher:
        for name in EXAMPLES:
            publisher.publish_scorecard(scorecards.example(name))


def _of_file(path: Path) -> "Purchases":
    """Read purchases with the topic's fields; an event_id that is not given is made.

    BadData names the first line that is wrong: a demo of half a file would prove nothing.
    """
    from streams.demo.purchases import of_records

    mapped = Mapped("purchases", {}, {})
    with opened(path) as source:
        found = [_purchase(row, path) for row in rows(source, form_of(path, None, mapped), mapped)]
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


class _Patience:
    """Raises once nothing has moved for a minute."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._last: object = None
        self._since = time.monotonic()

    def waited(self) -> float:
        """Seconds since something moved."""
        return time.monotonic() - self._since

    def hold(self, now: object) -> None:
        if now != self._last:
            self._last, self._since = now, time.monotonic()
        elif self.waited() > PATIENCE:
            raise Unreachable(
                f"{self._what}: nothing has moved for {PATIENCE:.0f} s",
                next_step="See whether this machine has memory and processors to spare.",
            )


def _until(done: Callable[[], bool], what: str) -> None:
    patience = _Patience(what)
    while not done():
        patience.hold(None)
        time.sleep(0.02)


@contextmanager
def _bars(**totals: int) -> Iterator[Callable[[str, int], None]]:
    """Progress bars by name on a terminal; elsewhere nothing. Gives what moves a bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:>10}"), BarColumn(46), MofNCompleteColumn())
    console = show.console()
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        tasks = {name: progress.add_task(name, total=total) for name, total in totals.items()}
        yield lambda name, count: progress.update(tasks[name], completed=count)


def _tell(line: str) -> None:
    show.console().print(line, markup=False, soft_wrap=True)


def _head(line: str) -> None:
    show.console().print(f"\n{line}", style="bold", markup=False, soft_wrap=True)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _listed(keys: "Sequence[Key]") -> str:
    """The first keys in words."""
    more = f" and {len(keys) - SHOWN:,} more" if len(keys) > SHOWN else ""
    return ", ".join(f"{key.citizen} ({key.scorecard})" for key in keys[:SHOWN]) + more
