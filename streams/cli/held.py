"""Everything that is held of one citizen, in every topic, as one document."""

import json
from typing import Any

from streams.cli import fields, show
from streams.cli.records import Records
from streams.client import Reader, Stored
from streams.codec import Undecodable, decode, pack
from streams.dead_letters import read as read_letter
from streams.errors import BadData
from streams.kinds import kinds
from streams.record import Record
from streams.scoring.ledger import Entry
from streams.settings import Settings
from streams.topics import TOPICS, bare_name, full_name, partition_of

ANOTHERS = "It came under this citizen's key and names another, whose it is."


def held(chosen: Settings, citizen: str) -> dict[str, Any]:
    """The citizen's state and ledger, and its records in the partition where it lives.

    BadData if there is nothing at all.
    """
    with Reader(**chosen.cluster) as reader:
        stored = reader.citizen(citizen)
    with Records(chosen) as records:
        found = {
            topic: mine
            for topic in _topics(records, chosen)
            if (mine := _of(records, topic, citizen))
        }
    if stored is None and not found:
        raise BadData(f"Nothing is held of {citizen!r}", next_step="Check the id.")
    return {
        "citizen": citizen,
        "exported_at": show.when(show.now()),
        "state": None if stored is None else _state(stored),
        "records": found,
    }


def _state(stored: Stored) -> dict[str, Any]:
    """What the changelogs hold of a citizen."""
    citizen = stored.citizen
    return {
        "since": show.when(citizen.since),
        "as_of": show.when(citizen.as_of),
        "grants": [
            {**each._asdict(), "covers_from": show.when(each.covers_from)}
            for each in citizen.grants
        ],
        "shares": [{**each._asdict(), "until": show.when(each.until)} for each in citizen.shares],
        "scores": [
            {
                "scorecard": account.key.scorecard,
                "shadow": account.key.shadow,
                "version": account.version,
                "score": account.score,
                "tier": account.tier,
                "totals": [
                    {"period": period, "characteristic": place, "amount": amount}
                    for period, row in sorted(account.totals.items())
                    for place, amount in enumerate(row, 1)  # by its place on the page
                    if amount
                ],
            }
            for account in citizen.accounts.values()
        ],
        "ledger": [
            {**event._asdict(), **_entry(event.kind, entry)}
            for event, entry in stored.ledger.items()
        ],
    }


def _topics(records: Records, chosen: Settings) -> list[str]:
    """Every topic that holds people's records, audiences' too; what changelogs mean is `state`."""
    audiences = [
        bare_name(name, chosen.prefix)
        for name in records.topics
        if name.startswith(full_name("score-changes.", chosen.prefix))
    ]
    ours = [
        name
        for name, topic in TOPICS.items()
        if topic.partitioned and topic.role != "changelog" and name not in ("ticks", "receipts")
    ]
    return list(dict.fromkeys([*ours, *audiences]))


def _of(records: Records, topic: str, citizen: str) -> list[dict[str, Any]]:
    """The citizen's records in one topic, oldest first."""
    partition = partition_of(citizen, records.partitions(topic))
    plain, packed = citizen.encode(), pack(citizen)
    return [
        {
            "partition": record.partition,
            "offset": record.offset,
            "sent_at": show.when(record.timestamp),
            "value": _value(topic, record, citizen),
        }
        for record in records.read(topic, partition)
        if record.key == plain or (topic == "scores" and (record.key or b"").startswith(packed))
    ]


def _value(topic: str, record: Record, citizen: str) -> Any:
    if record.value is None:
        return None
    if topic == "dead-letters":
        letter = read_letter(record)
        values = _decoded(letter.refused.topic, record.value)
        shown = ANOTHERS if _names_another(values, citizen) else record.value.hex()
        return {"reason": letter.reason, "topic": letter.refused.topic, "bytes": shown}
    values = _decoded(topic, record.value)
    if values is None:
        return {"bytes": record.value.hex()}
    if _names_another(values, citizen):
        return ANOTHERS
    return fields.readable(fields.schema_of(topic), values)


def _decoded(topic: str, value: bytes) -> dict[str, Any] | None:
    try:
        return decode(topic, value)
    except Undecodable:
        return None


def _names_another(values: dict[str, Any] | None, citizen: str) -> bool:
    """Say whether a record under the citizen's key tells of somebody else."""
    return values is not None and values.get("citizen_id", citizen) != citizen


def _entry(kind: str, entry: Entry) -> dict[str, Any]:
    fact = entry.fact
    return {
        "fact": fact
        and {"occurred_at": show.when(fact.occurred_at), **_content(kind, fact.content)},
        "disputes": [
            {
                "dispute_id": dispute_id,
                "about_time": show.when(named),
                "opened_at": show.when(step.opened_at),
                "statement": step.statement,
                "withdrawn_at": show.when(step.withdrawn_at),
                "decided_at": show.when(step.decided_at),
                "upheld": step.upheld,
            }
            for (dispute_id, named), step in entry.disputes.items()
        ],
        "corrections": [
            {
                "correction_id": part.correction_id,
                "about_time": show.when(named),
                "occurred_at": show.when(part.occurred_at),
                **_content(kind, part.content),
            }
            for named, part in entry.corrections.items()
        ],
    }


def _content(kind: str, text: str) -> dict[str, Any]:
    """A stored content, its dates as days of the calendar."""
    content: dict[str, Any] = json.loads(text)
    known = kinds()[kind].fields if kind in kinds() else {}
    return {
        name: fields.calendar(value) if name in known and known[name].type == "date" else value
        for name, value in content.items()
    }
