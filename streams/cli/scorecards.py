"""`plainscore scorecard`: check, publish, list and show the published rules of scoring."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from streams import settings
from streams.cli import show
from streams.cli.rows import STDIN, stdin
from streams.errors import BadData, PlainscoreError

scorecard = typer.Typer(
    no_args_is_help=True, help="The published rules by which people are scored."
)

Pages = Annotated[list[Path], typer.Argument(help="YAML files; - for stdin.")]


@scorecard.command("validate")
def validate(pages: Pages) -> None:
    """Check scorecards; every problem comes with its line. Needs no broker."""
    from streams import scorecards

    horizon = settings.load().horizon_days
    refused = 0
    for page in pages:
        try:
            read = scorecards.read(_text(page), horizon)
        except BadData as error:
            refused += 1
            _tell_problems(page, error)
            continue
        if show.on_terminal():
            show.console().print(
                f"{page}: {read.id} version {read.version} is valid.", markup=False
            )
        else:
            show.note({"file": str(page), "valid": True, "id": read.id, "version": read.version})
    if refused:
        show.say(f"error: {refused} of {len(pages)} refused. Mend the lines named, then try again.")
        raise typer.Exit(1)


@scorecard.command("publish")
def publish(pages: Pages) -> None:
    """Publish scorecards, for good: a published version never changes."""
    from streams.client import Publisher

    chosen = settings.load()
    # All pages are judged before the first goes out: what is published stays.
    texts = [(page, _judged(page, chosen.horizon_days)) for page in pages]
    with Publisher(**chosen.cluster) as publisher:
        for page, text in texts:
            try:
                new = publisher.publish_scorecard(text)
            except BadData as error:
                raise _not_published(page, error) from error
            if show.on_terminal():
                state = "is published." if new else "was published already; nothing changed."
                show.console().print(f"{page} {state}", markup=False)
            else:
                show.note({"file": str(page), "published": True, "new": new})


def _judged(page: Path, horizon_days: int) -> str:
    """The text of a page that is valid."""
    from streams import scorecards

    text = _text(page)
    try:
        scorecards.read(text, horizon_days)
    except BadData as error:
        raise _not_published(page, error) from error
    return text.decode()


def _not_published(page: Path, error: BadData) -> BadData:
    """Tell what is wrong with a page; gives the sentence to end with."""
    _tell_problems(page, error)
    return BadData(
        "The scorecard is not published",
        where=str(page),
        next_step="Mend it and publish it again.",
    )


@scorecard.command("list")
def list_published() -> None:
    """List the scorecards that are published."""
    show.rows(
        (
            {
                "id": each.id,
                "version": each.version,
                "effective_from": show.when(each.effective_from),
                "digest": each.digest,
            }
            for each in _published()
        ),
        ("id", "version", "effective_from", "digest"),
        empty="No scorecard is published. Publish one: plainscore scorecard publish FILE.",
    )


@scorecard.command("show")
def show_published(
    named: Annotated[str, typer.Argument(metavar="ID[@VERSION]", help="The newest, or a version.")],
) -> None:
    """Print a published scorecard as it was published."""
    id_, _, version = named.partition("@")
    published = _published()
    found = [p for p in published if p.id == id_ and version in ("", str(p.version))]
    if not found:
        known = ", ".join(f"{each.id}@{each.version}" for each in published)
        raise BadData(
            f"There is no published scorecard {named}",
            next_step=f"Published are {known}." if known else "None is published yet.",
        )
    newest = max(found, key=lambda each: int(each.version))
    if show.on_terminal():
        from rich.syntax import Syntax

        page = show.visible_lines(newest.document)
        show.console().print(Syntax(page, "yaml", background_color="default"))
    else:
        show.text(newest.document)


def _published() -> Sequence[Any]:
    from streams.client import Reader

    chosen = settings.load()
    with Reader(**chosen.cluster) as reader:
        return reader.published_scorecards()


def _text(page: Path) -> bytes:
    return stdin().read() if page == STDIN else page.read_bytes()


def _tell_problems(page: Path, error: PlainscoreError) -> None:
    """Each problem as FILE:LINE: field: what, as compilers write them."""
    problems = getattr(error.__cause__, "problems", ())
    for problem in problems:
        if show.on_terminal():
            show.say(f"{page}:{problem.line}: {problem.path}: {problem.what}")
        else:
            show.note(
                {
                    "file": str(page),
                    "valid": False,
                    "line": problem.line,
                    "field": problem.path,
                    "what": problem.what,
                }
            )
    if not problems:
        show.say(f"{page}: {error}")
