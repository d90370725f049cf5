"""The command `plainscore`: every command group in one place, and no traceback ever."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from streams.cli import (
    bench,
    broker,
    demo,
    dlq,
    doctor,
    failures,
    publish,
    rights,
    score,
    scorecards,
    show,
    tick,
    topics,
    watch,
    worker,
)
from streams.settings import DEFAULT_BROKERS

app = typer.Typer(
    name="plainscore",
    help="Voluntary, published, explained and contestable scoring of event streams.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Settings come from the environment: PLAINSCORE_BROKERS, PLAINSCORE_PREFIX and others. "
    "Exit codes: 0 done, 1 the data was bad, 2 usage, 3 a service could not be reached.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        with suppress(PackageNotFoundError):
            sys.stdout.write(f"plainscore {version('plainscore')}\n")
        raise typer.Exit


@app.callback()
def plainscore(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which it is.")
    ] = False,
) -> None:
    """Voluntary, published, explained and contestable scoring of event streams."""


for command in (
    demo.demo,
    worker.worker,
    publish.publish,
    watch.watch,
    score.score,
    score.explain,
    score.what_if,
    rights.consent,
    rights.share,
    rights.correct,
    rights.erase,
    score.export,
    tick.tick,
    broker.broker,
    bench.bench,
    doctor.doctor,
):
    app.command()(command)
for group, name in (
    (topics.topics, "topics"),
    (topics.schemas, "schemas"),
    (rights.disputes, "dispute"),
    (scorecards.scorecard, "scorecard"),
    (dlq.dlq, "dlq"),
):
    app.add_typer(group, name=name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; whatever goes wrong ends in a sentence."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:  # closed by whoever started us (`>&-`): the work goes on
            show.to_nowhere(number)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8"))
    try:
        app(list(sys.argv[1:] if arguments is None else arguments))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if _reader_of_help_left(end):
            code = 0
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        if os.environ.get("PLAINSCORE_DEBUG"):
            raise
        failure = failures.sentence(
            error, brokers=os.environ.get("PLAINSCORE_BROKERS", DEFAULT_BROKERS)
        )
        show.say(f"error: {failure}")
        code = failure.exit_code
    else:
        code = 0
    with suppress(SystemExit):
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            show.reader_left()
    return code


def _reader_of_help_left(end: SystemExit) -> bool:
    """Say whether typer ended because of that alone: its 1 would call it a failure."""
    left = end.__context__
    return isinstance(left, BrokenPipeError) and left.__context__ is None
