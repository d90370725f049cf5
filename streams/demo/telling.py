"""How the demo tells what happens: lines on stdout, and bars on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from streams.cli import show


def tell(line: str) -> None:
    """Write one line, as it is."""
    show.console().print(line, markup=False, soft_wrap=True)


def head(line: str) -> None:
    """Write the headline of what follows."""
    show.console().print(f"\n{line}", style="bold", markup=False, soft_wrap=True)


def counted(count: int, what: str) -> str:
    """Write a number of things."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


@contextmanager
def bars(**totals: int) -> Iterator[Callable[[str, int], None]]:
    """Show progress by name on a terminal; elsewhere nothing. Gives what moves a bar."""
    console = show.console()
    with Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(46),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        tasks = {name: progress.add_task(name, total=total) for name, total in totals.items()}
        yield lambda name, count: progress.update(tasks[name], completed=count)
