"""Records that cannot be applied: kept as dead letters, with the reason."""

from streams.dead_letters import headers_for
from streams.given import LARGEST_KEPT
from streams.process.batch import Batch
from streams.process.gate import write_in_force
from streams.record import Record
from streams.topics import GATE


def refuse(batch: Batch, record: Record, names: tuple[str, ...], refusal: tuple[str, str]) -> None:
    """Keep a bad record as a dead letter, unless it names somebody without consent."""
    if any(batch.find(name) is None for name in names):
        batch.count(record, "dropped", "no_consent")
    else:
        dead_letter(batch, record, *refusal)
    if record.topic in GATE:
        write_in_force(batch, record)


def refuse_enormous(batch: Batch, record: Record) -> None:
    """Refuse a record whose bytes no topic of ours might take; where it stood is told."""
    dead_letter(batch, record, "oversized", f"at most {LARGEST_KEPT} bytes are kept", bare=True)
    # compaction would keep it; a key as large as that names nobody
    if record.topic in GATE and len(record.key or b"") <= LARGEST_KEPT:
        write_in_force(batch, record)


def dead_letter(
    batch: Batch,
    record: Record,
    reason: str,
    detail: str,
    *,
    kept: bool | None = None,
    bare: bool = False,
) -> None:
    """Write a dead letter; a bare one has neither key nor value."""
    headers = headers_for(reason, detail, record, kept=kept, bare=bare)
    key, value = (None, None) if bare else (record.key, record.value)
    batch.out.produce("dead-letters", key, value, headers=headers)
    batch.count(record, "dead_letter", reason)
