"""Plain Faust: its own driver, an agent and two Tables, one event at a time; the core scores.

Run as `python -m streams.bench.plain_faust BROKERS PREFIX FOLDER CONSENTS EVENTS KIND...`. It says
`recovered` when its Tables are, `ready` after so many consents and `done` after so many events, and
ends at SIGTERM.
"""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Any

import faust
from mode import CrashingSupervisor

from streams.bench.load import PARTITIONS
from streams.bench.stage import group_of
from streams.codec import decode, pack
from streams.effects import encode_change
from streams.kinds import kinds as all_kinds
from streams.published import Published
from streams.scorecards import example, read
from streams.scoring.apply import apply_moves, grant, moves_of, pass_time, read_again, settle
from streams.scoring.change import Change
from streams.scoring.citizen import Cause, Citizen, covers
from streams.scoring.ledger import Entry, Fact, canonical, content_of, earliest, merge
from streams.state import (
    read_citizen,
    read_entry,
    read_grants,
    write_citizen,
    write_entry,
    write_fact,
)
from streams.topics import bare_name, full_name

STORE = "memory://"  # rocksdb:// on rocksdict was a tenth to a fifth slower


def make_app(
    brokers: str, prefix: str, folder: Path, consents: int, events: int, kinds: tuple[str, ...]
) -> faust.App:
    """Make the app, with the settings that make it fastest without a promise given up."""
    app = faust.App(
        group_of(prefix),
        broker=f"kafka://{brokers}",
        store=STORE,
        datadir=str(folder),
        topic_partitions=PARTITIONS,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=False,
        stream_buffer_maxsize=4_096,
        producer_linger_ms=5,
        agent_supervisor=CrashingSupervisor,
    )
    # Bytes in and out: our codec makes them, and Faust's own would only add to the work.
    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes}  # a Table's are raw then
    plain = {**raw, "key_serializer": "raw", "value_serializer": "raw"}
    consented = app.topic(full_name("consents", prefix), **plain)
    happened = app.topic(*(full_name(kind, prefix) for kind in kinds), **plain)
    changes = app.topic(full_name("score-changes", prefix), **plain)
    citizens = app.Table("citizens", partitions=PARTITIONS, **raw)
    ledger = app.Table("ledger", partitions=PARTITIONS, **raw)
    known: dict[str, Citizen] = {}  # as the rows stand in the Table, so that none is read twice
    published = Published()
    published.add(read(example("everyday")))

    @app.on_partitions_revoked.connect
    async def forget(*_: Any, **__: Any) -> None:
        known.clear()

    @app.task  # type: ignore[untyped-decorator]
    async def recovered() -> None:
        await _say(app, "recovered")

    @app.agent(consented)
    async def begin(stream: Any) -> None:
        seen = 0
        async for event in stream.events():
            citizen, effects = _consent(event.value, event.message.timestamp, published)
            citizens[event.key] = write_citizen(citizen)
            for change in effects:
                await changes.send(key=event.key, value=encode_change(citizen, change))
            seen += 1
            if seen == consents:
                await _say(app, "ready")

    @app.agent(happened)
    async def score(stream: Any) -> None:
        seen = 0
        async for event in stream.events():
            kind = bare_name(event.message.topic, prefix)
            values = decode(kind, event.value)
            name = values["citizen_id"]
            key = name.encode()
            citizen = known.get(name)
            if citizen is None and (row := citizens.get(key)) is not None:
                citizen = known[name] = read_citizen(name, row)
                read_again(citizen, published)
            if citizen is not None:
                for change in _score(citizen, kind, values, ledger, published):
                    await changes.send(key=key, value=encode_change(citizen, change))
                citizens[key] = write_citizen(citizen)
            # Let Faust send what the Tables changed; else it stops the stream for it, for longer.
            await asyncio.sleep(0)
            seen += 1
            if seen == events:
                await _say(app, "done")

    return app


def _consent(value: bytes, sent: float, published: Published) -> tuple[Citizen, list[Change]]:
    values = decode("consents", value)
    citizen = Citizen(values["citizen_id"], int(sent * 1000), 0, (), values["occurred_at"])
    cause = Cause("consents", citizen.id)
    grants = read_grants(values["grants"])
    effects = grant(citizen, grants, citizen.granted_at, cause, published)
    return citizen, [each for each in effects if isinstance(each, Change)]


def _score(
    citizen: Citizen, kind: str, values: dict[str, Any], ledger: Any, published: Published
) -> list[Change]:
    """Merge an event into its entry in the Table, and give what that changes."""
    occurred_at = values["occurred_at"]
    if not covers(citizen.grants, kind, occurred_at):
        return []
    content = content_of(all_kinds()[kind], values)
    text = canonical(content)
    key = pack(citizen.id, citizen.since, kind, values["source"], values["event_id"])
    stored = ledger.get(key)
    cause = Cause(kind, values["event_id"])
    effects = pass_time(citizen, occurred_at)
    if stored is None:
        moves = [(+1, occurred_at, content)]
        effects += apply_moves(citizen, key, kind, occurred_at, moves, cause, published)
        ledger[key] = write_fact(occurred_at, text)
    elif (after := merge(before := read_entry(stored), Entry(Fact(occurred_at, text)))) != before:
        moves = moves_of(before, after)
        effects += apply_moves(citizen, key, kind, earliest(after), moves, cause, published)
        ledger[key] = write_entry(after)
    else:
        effects += settle(citizen, cause, published)
    return [each for each in effects if isinstance(each, Change)]


async def _say(app: faust.App, word: str) -> None:
    """Say how far it is, once all that was sent until now is delivered."""
    await app.producer.flush()
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


async def run(
    brokers: str, prefix: str, folder: str, consents: str, events: str, *kinds: str
) -> None:
    """Run the app until SIGTERM or until it crashes."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    app = make_app(brokers, prefix, Path(folder), int(consents), int(events), kinds)
    logging.basicConfig(level=logging.WARNING)
    app.finalize()
    await app.start()
    waits = [asyncio.ensure_future(each.wait()) for each in (stop, app._crashed)]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()
    crashed = app.crash_reason
    await app.stop()
    if crashed is not None:
        raise crashed


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
