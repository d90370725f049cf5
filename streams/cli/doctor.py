"""`plainscore doctor`: what is there, what is not, and what to do about it, line by line."""

import os
import platform
import shutil
from collections.abc import Callable
from typing import NamedTuple

import typer
from rich.text import Text

from streams import settings
from streams.cli import failures, show
from streams.errors import BadUsage
from streams.settings import Settings

CLOCK_APART = 60  # seconds that two clocks may differ
LEAST_SPACE = 1 << 30  # bytes


class Finding(NamedTuple):
    """What one check found; `next` says what to do if it is not ok."""

    ok: bool
    found: str
    next: str | None = None


def doctor() -> None:
    """Check this machine, the broker and the topics. Exit code 1 if something is not right."""
    chosen = settings.load()
    with show.waiting("Looking"):
        findings = {name: _kept_calm(check, chosen) for name, check in CHECKS.items()}
        answered = findings["broker"].ok
        if answered:
            findings |= {name: _kept_calm(check, chosen) for name, check in OF_A_BROKER.items()}
    for name, each in findings.items():
        if show.on_terminal():
            mark = ("ok ", "green") if each.ok else ("not", "red")
            show.console().print(Text.assemble(mark, f"  {name}: {show.cell(each.found)}"))
            if each.next and not each.ok:
                show.console().print(f"     {each.next}", markup=False)
        else:
            show.line({"check": name, **each._asdict()})
    if not answered:
        raise typer.Exit(3)
    if not all(each.ok for each in findings.values()):
        raise typer.Exit(1)


def _kept_calm(check: Callable[[Settings], Finding], chosen: Settings) -> Finding:
    """A check that fails is a finding, and stops no other."""
    try:
        return check(chosen)
    except Exception as error:
        failure = failures.sentence(error, brokers=chosen.brokers)
        return Finding(False, failure.what, failure.next_step)


def _settings(_: Settings) -> Finding:
    strangers = settings.unknown()
    if not strangers:
        return Finding(True, "every PLAINSCORE_ variable is known")
    named = ", ".join(
        name + (f" (is {close} meant?)" if close else "") for name, close in strangers.items()
    )
    return Finding(False, f"set, and unknown: {named}", "Mend the name, or unset it.")


def _scoring(_: Settings) -> Finding:
    """What every event goes through is the same code compiled or not, and slower if not."""
    from streams.process import process

    if str(process.__file__).endswith(".py"):
        found = "as sources, so slower: an editable install, or no C compiler was there"
    else:
        found = "compiled"
    return Finding(True, f"{found}; Python {platform.python_version()}")


def _java(_: Settings) -> Finding:
    """Java and Kafka's jars, for the embedded broker: only demo, broker and bench need them."""
    from streams import embedded

    try:
        found = f"Java at {embedded.java()}"
    except BadUsage as error:
        return Finding(True, f"not installed, and only needed for it. {error}")
    if (embedded.cache_folder() / f"kafka-{embedded.KAFKA}").exists():
        return Finding(True, f"{found}, Kafka {embedded.KAFKA} fetched")
    return Finding(
        True,
        f"{found}; Kafka {embedded.KAFKA} is fetched at the first start (43 MB)",
    )


def _broker(chosen: Settings) -> Finding:
    from streams.cli.records import Records

    with Records(chosen) as records:
        return Finding(True, f"{chosen.brokers} answers, {len(records.topics)} topics")


def _topics(chosen: Settings) -> Finding:
    from streams.client import admin

    differences = admin.plan(
        **chosen.cluster, partitions=chosen.partitions, audiences=chosen.audiences
    )
    if not differences:
        return Finding(True, f"as agreed, {chosen.partitions} partitions")
    first = differences[0]
    return Finding(
        False,
        f"{len(differences)} differences, first {first.topic}: {first.setting} is {first.found}, "
        f"should be {first.expected}",
        "See `plainscore topics plan`, then `plainscore topics apply`.",
    )


def _clock(chosen: Settings) -> Finding:
    """Hold this clock against the newest tick, and say when that was."""
    from streams.cli.records import Records

    with Records(chosen) as records:
        end = records.ends("ticks")[0]
        newest = list(records.read("ticks", 0, end - 1)) if end else []
    if not newest:
        return Finding(
            False,
            f"{show.when(show.now())}, and nothing ticks: no score ages",
            "Run `plainscore tick --hourly`; no worker ticks of itself.",
        )
    ago = (show.now() - newest[-1].timestamp) // 1000
    if ago < -CLOCK_APART:
        return Finding(
            False,
            f"{-ago} s behind whoever sent the last tick",
            "Set this machine's clock, or theirs.",
        )
    if ago > 2 * 60 * chosen.tick_minutes:
        return Finding(
            False,
            f"the last tick was {ago // 60} minutes ago: scores age late",
            "See that `plainscore tick --hourly` runs.",
        )
    return Finding(True, f"{show.when(show.now())}, the last tick {ago} s ago")


def _schemas(chosen: Settings) -> Finding:
    from streams.cli.contract import registry_problems, schema_problems

    problems = schema_problems()
    asked = "ids checked in"
    if chosen.schema_registry_url:
        problems |= registry_problems(chosen.schema_registry_url)
        asked = f"ids as in {chosen.schema_registry_url}"
    if problems:
        name, what = next(iter(problems.items()))
        return Finding(False, f"{name}: {what}", "See `plainscore schemas check`.")
    return Finding(True, asked)


def _state(chosen: Settings) -> Finding:
    folder = chosen.state_dir
    there = folder
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding(
            False,
            f"{folder} cannot be written",
            "Set PLAINSCORE_STATE_DIR to a folder that this account may write.",
        )
    free = shutil.disk_usage(there).free
    if free < LEAST_SPACE:
        return Finding(
            False,
            f"{folder} has {free >> 20:,} MiB left",
            "Free some space, or set PLAINSCORE_STATE_DIR to a larger disk.",
        )
    return Finding(True, f"{folder}, {free >> 30:,} GiB free")


def _metrics(chosen: Settings) -> Finding:
    """A worker on this machine answers on its port, or the port is free for one."""
    place = f"{chosen.metrics_host}:{chosen.metrics_port}"
    if chosen.metrics_port == 0:
        return Finding(True, "any free one")
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"http://{place}/readyz", timeout=2) as answer:
            return Finding(True, f"a worker answers on {place}: {answer.status}")
    except (HTTPError, HTTPException) as error:
        if getattr(error, "code", None) == 503:
            return Finding(
                False,
                f"a worker runs on {place} and is not ready",
                f"See http://{place}/readyz for what it waits for.",
            )
        return Finding(
            False,
            f"another program answers on {place}",
            "Stop it, or set PLAINSCORE_METRICS_PORT to another port.",
        )
    except URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return Finding(True, f"{place} is free; no worker runs here")
        raise


Checks = dict[str, Callable[[Settings], Finding]]
CHECKS: Checks = {
    "settings": _settings,
    "scoring": _scoring,
    "embedded broker": _java,
    "schemas": _schemas,
    "state folder": _state,
    "worker's port": _metrics,
    "broker": _broker,
}
OF_A_BROKER: Checks = {"topics": _topics, "clock": _clock}  # one that answers
