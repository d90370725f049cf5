"""The purchases that the demo publishes: those of CDNOW in 1997 and 1998, unless told otherwise."""

import csv
import gzip
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, NamedTuple

from streams.scoring.ledger import DAY

SHOP = "cdnow"


class Purchases(NamedTuple):
    """Purchases as records of the topic, and whose and when they are."""

    records: list[dict[str, Any]]
    citizens: list[str]  # each once, in the order of their first purchase
    first: int  # ms
    last: int  # ms

    def end(self, now: int) -> int:
        """Give the midnight (UTC, in ms) after the last purchase, if it is not to come."""
        return max(self.last, min((self.last // DAY + 1) * DAY, now))


def cdnow() -> Purchases:
    """Give the purchases that are shipped with plainscore; see cdnow.txt."""
    packed = files("streams.demo").joinpath("cdnow.csv.gz").read_bytes()
    lines = gzip.decompress(packed).decode().splitlines()
    return of_records([_record(row, each) for row, each in enumerate(csv.DictReader(lines), 1)])


def _record(row: int, each: dict[str, str]) -> dict[str, Any]:
    """Make a record; with the row in its id, two equal purchases of a day stay two."""
    whole, cents = each["dollars"].split(".")
    day = datetime.strptime(each["date"], "%Y%m%d").replace(tzinfo=UTC)
    return {
        "event_id": f"{each['customer']}-{each['date']}-{row}",
        "citizen_id": f"{SHOP}-{each['customer']}",
        "occurred_at": int(day.timestamp()) * 1000,
        "source": SHOP,
        "category": "music",
        "amount_minor": int(whole) * 100 + int(cents),
        "currency": "USD",
        "quantity": int(each["cds"]),
    }


def of_records(records: list[dict[str, Any]]) -> Purchases:
    """Sum up records, at least one."""
    times = [each["occurred_at"] for each in records]
    citizens = dict.fromkeys(each["citizen_id"] for each in records)
    return Purchases(records, list(citizens), min(times), max(times))
