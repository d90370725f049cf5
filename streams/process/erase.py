"""Forgetting a citizen: out of sight at once, the ledger in pieces, and a receipt at the end."""

from secrets import token_hex

from streams.codec import encode, pack
from streams.process.batch import Batch
from streams.scoring.change import Closed, Effect, ended
from streams.scoring.citizen import Citizen
from streams.state import ERASURE, Erasure, read_erasure, write_erasure
from streams.topics import ERASED_WITHIN

LONGEST_RECEIPT = 64  # characters of its id


def forget(
    batch: Batch, name: str, citizen: Citizen | None, receipt_id: str, withdrawn_at: int
) -> None:
    """Forget a citizen who has withdrawn; who was not known gets a receipt all the same."""
    # nothing of the person goes into a receipt, nor a part of an id that is longer
    if not 0 < len(receipt_id) <= LONGEST_RECEIPT or name in receipt_id:
        receipt_id = token_hex(16)
    if citizen is None:
        _receipt(batch, Erasure(b"", receipt_id, withdrawn_at, 0, 0))
        return
    visible = [key for key in citizen.accounts if not key.shadow]
    effects: list[Effect] = [Closed(key.scorecard, citizen.accounts[key].tier) for key in visible]
    effects += (ended(share, key.scorecard) for share in citizen.shares for key in visible)
    batch.effects.emit(citizen, effects)
    row = citizen.id.encode()
    batch.citizens.delete(row)
    batch.citizens.set_due(row, citizen.due, None)
    batch.touched.pop(citizen.id, None)
    batch.known[citizen.id] = None
    batch.outcome.citizens -= 1
    prefix = pack(citizen.id, citizen.since)
    erasure = Erasure(prefix, receipt_id, withdrawn_at, len(visible), len(citizen.shares))
    batch.citizens.put(ERASURE + prefix, write_erasure(erasure))
    batch.citizens.set_due(ERASURE + prefix, None, 0)


def erase(batch: Batch, key: bytes) -> None:
    """Erase a piece of a withdrawn ledger; after the last, write the receipt."""
    stored = batch.citizens.get(key)
    if stored is None:
        batch.citizens.set_due(key, 0, None)
        return
    if batch.rows_left <= 0:
        return
    erasure = read_erasure(key, stored)
    limit = batch.rows_left
    rows = batch.ledger.scan(erasure.prefix, None, limit)
    batch.rows_left -= len(rows)
    for row, _ in rows:
        batch.ledger.delete(row)
    erasure.entries += len(rows)
    if len(rows) < limit:
        batch.citizens.delete(key)
        batch.citizens.set_due(key, 0, None)
        _receipt(batch, erasure)
    else:
        batch.citizens.put(key, write_erasure(erasure))


def _receipt(batch: Batch, erasure: Erasure) -> None:
    """Write what was erased, under an id that only the withdrawing client knows."""
    values = {
        "receipt_id": erasure.receipt_id,
        "erased": {
            "scorecards": erasure.scorecards,
            "entries": erasure.entries,
            "shares": erasure.shares,
        },
        "withdrawn_at": erasure.withdrawn_at,
        "erased_by": erasure.withdrawn_at + ERASED_WITHIN,
    }
    batch.out.produce("receipts", erasure.receipt_id.encode(), encode("receipts", values))
