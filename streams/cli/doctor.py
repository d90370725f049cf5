"""`plainscore doctor`: what is there, what is not, and what to do about it, line by line."""

import os
import platform
import shutil
from collections.abc import Callable
from typing import NamedTuple

import typer

from streams import settings
from streams.cli import failures, show
from streams.errors import BadUsage
from streams.settings import Settings

CLOCK_APART = 60  # seconds that two clocks may differ
LEAST_SPACE = 1 << 30  # bytes


class Finding(NamedTuple):
    """What one check found; `next` says what to do if it is not ok."""

    check: str
    ok: bool
    found: str
    next: str | None = None


def doctor() -> None:
    """Check this machine, the broker and the topics. Exit code 1 if something is not right."""
    chosen = settings.load()
    findings: list[Finding] = []
    with show.waiting("Looking"):
        for check in (_settings, _scoring, _java, _schemas, _state, _metrics, _broker):
            findings.append(_kept_calm(check, chosen))
        if findings[-1].ok:
            findings += (_kept_calm(check, chosen) for check in (_topics, _clock))
    if show.on_terminal():
        for each in findings:
            mark = "[green]ok [/green]" if each.ok else "[red]not[/red]"
            show.console().print(f"{mark}  {each.check}: {show.cell(each.found)}")
            if each.next and not each.ok:
                show.console().print(f"     {each.next}", markup=False)
    else:
        for each in findings:
            show.line(each._asdict())
    wrong = [each for each in findings if not each.ok]
    if any(each.check == "broker" for each in wrong):
        raise typer.Exit(3)
    if wrong:
        raise typer.Exit(1)


def _kept_calm(check: Callable[[Settings], Finding], chosen: Settings) -> Finding:
    """A check that fails is a finding, and stops no other."""
    try:
        return check(chosen)
    except Exception as error:
        failure = failures.sentence(error, brokers=chosen.brokers)
        return Finding(NAMES[check], False, failure.what, failure.next_step)


def _settings(_: Settings) -> Finding:
    strangers = settings.unknown()
    if not strangers:
        return Finding("settings", True, "every PLAINSCORE_ variable is known")
    named = ", ".join(
        name + (f" (is {close} meant?)" if close else "") for name, close in strangers.items()
    )
    return Finding("settings", False, f"set, and unknown: {named}", "Mend the name, or unset it.")


def _scoring(_: Settings) -> Finding:
    """What every event goes through is the same code compiled or not, and slower if not."""
    from streams.process import process

    if str(process.__file__).endswith(".py"):
        found = "as sources, so slower: an editable install, or no C compiler was there"
    else:
        found = "compiled"
    return Finding("scoring", True, f"{found}; Python {platform.python_version()}")


def _java(_: Settings) -> Finding:
    """Java and Kafka's jars, for the embedded broker: only demo, broker and bench need them."""
    from streams import embedded

    try:
        found = f"Java at {embedded.java()}"
    except BadUsage as error:
        return Finding("embedded broker", True, f"not installed, and only needed for it. {error}")
    if (embedded.cache_folder() / f"kafka-{embedded.KAFKA}").exists():
        return Finding("embedded broker", True, f"{found}, Kafka {embedded.KAFKA} fetched")
    return Finding(
        "embedded broker",
        True,
        f"{found}; Kafka {embedded.KAFKA} is fetched at the first start (43 MB)",
    )


def _broker(chosen: Settings) -> Finding:
    from streams.cli.records import Records

    with Records(chosen) as records:
        return Finding("broker", True, f"{chosen.brokers} answers, {len(records.topics)} topics")


def _topics(chosen: Settings) -> Finding:
    from streams.client import admin

    differences = admin.plan(
        chosen.brokers,
        prefix=chosen.prefix,
        kafka=chosen.kafka,
        partitions=chosen.partitions,
        audiences=chosen.audiences,
    )
    if not differences:
        return Finding("topics", True, f"as agreed, {chosen.partitions} partitions")
    first = differences[0]
    return Finding(
        "topics",
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
            "clock",
            False,
            f"{show.when(show.now())}, and nothing ticks: no score ages",
            "Run `plainscore tick --hourly`; no worker ticks of itself.",
        )
    ago = (show.now() - newest[-1].timestamp) // 1000
    if ago < -CLOCK_APART:
        return Finding(
            "clock",
            False,
            f"{-ago} s behind whoever sent the last tick",
            "Set this machine's clock, or theirs.",
        )
    if ago > 2 * 60 * chosen.tick_minutes:
        return Finding(
            "clock",
            False,
            f"the last tick was {ago // 60} minutes ago: scores age late",
            "See that `plainscore tick --hourly` runs.",
        )
    return Finding("clock", True, f"{show.when(show.now())}, the last tick {ago} s ago")


def _schemas(chosen: Settings) -> Finding:
    from streams.cli.contract import registry_problems, schema_problems

    problems = schema_problems()
    asked = "ids checked in"
    if chosen.schema_registry_url:
        problems |= registry_problems(chosen.schema_registry_url)
        asked = f"ids as in {chosen.schema_registry_url}"
    if problems:
        name, what = next(iter(problems.items()))
        return Finding("schemas", False, f"{name}: {what}", "See `plainscore schemas check`.")
    return Finding("schemas", True, asked)


def _state(chosen: Settings) -> Finding:
    folder = chosen.state_dir
    there = folder
    while not there.exists():
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding(
            "state folder",
            False,
            f"{folder} cannot be written",
            "Set PLAINSCORE_STATE_DIR to a folder that this account may write.",
        )
    free = shutil.disk_usage(there).free
    if free < LEAST_SPACE:
        return Finding(
            "state folder",
            False,
            f"{folder} has {free >> 20:,} MiB left",
            "Free some space, or set PLAINSCORE_STATE_DIR to a larger disk.",
        )
    return Finding("state folder", True, f"{folder}, {free >> 30:,} GiB free")


def _metrics(chosen: Settings) -> Finding:
    """A worker on this machine answers on its port, or the port is free for one."""
    place = f"{chosen.metrics_host}:{chosen.metrics_port}"
    if chosen.metrics_port == 0:
        return Finding("worker's port", True, "any free one")
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"http://{place}/readyz", timeout=2) as answer:
            return Finding("worker's port", True, f"a worker answers on {place}: {answer.status}")
    except (HTTPError, HTTPException) as error:
        if getattr(error, "code", None) == 503:
            return Finding(
                "worker's port",
                False,
                f"a worker runs on {place} and is not ready",
                f"See http://{place}/readyz for what it waits for.",
            )
        return Finding(
            "worker's port",
            False,
            f"another program answers on {place}",
            "Stop it, or set PLAINSCORE_METRICS_PORT to another port.",
        )
    except URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return Finding("worker's port", True, f"{place} is free; no worker runs here")
        raise


NAMES: dict[Callable[[Settings], Finding], str] = {
    _settings: "settings",
    _scoring: "scoring",
    _java: "embedded broker",
    _schemas: "schemas",
    _state: "state folder",
    _metrics: "worker's port",
    _broker: "broker",
    _topics: "topics",
    _clock: "clock",
}
