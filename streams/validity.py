"""What a decoded record must be, beyond its schema: each refusal has a reason from dead_letters.

Publisher and worker ask the same function, so that what the one takes the other does not refuse.
A detail names fields and what was expected of them, never values.
"""

from collections.abc import Callable, Collection
from typing import Any

from streams.kinds import kinds
from streams.scoring.currencies import CODES
from streams.scoring.kind import LARGEST_AMOUNT
from streams.scoring.ledger import DAY
from streams.topics import KINDS

Values = dict[str, Any]
Problem = tuple[str, str]  # reason, detail

EARLIEST = 631_152_000_000  # 1990-01-01 in ms
ID_BYTES = 256
STATEMENT = 500  # characters
LIST_ITEMS = 100  # of grants or shares, and of the lists in them: all are read for each event
DATES = range(-25_567, 84_006)  # days since 1970: from 1900 to 2199


def problem(
    topic: str, values: Values, timestamp: int, audiences: Collection[str] | None = None
) -> Problem | None:
    """Give what is wrong with a record of an input topic; `timestamp` is its Kafka time in ms.

    Audiences are checked where they are given: a producer need not know them.
    """
    return (
        (None if topic == "ticks" else _id("citizen_id", values["citizen_id"]))
        or _CHECKS.get(topic, _event)(values, timestamp)
        or (_unknown_audience(values, audiences) if topic == "shares" else None)
    )


def id_problem(citizen_id: str) -> Problem | None:
    """Give what is wrong with a citizen's id."""
    return _id("citizen_id", citizen_id)


# ---- by topic


def _event(values: Values, timestamp: int) -> Problem | None:
    return (
        _id("event_id", values["event_id"])
        or _source("source", values["source"])
        or _time("occurred_at", values["occurred_at"], timestamp)
        or _fields(values)
    )


def _dispute(values: Values, timestamp: int) -> Problem | None:
    if not -DAY <= values["occurred_at"] - timestamp <= DAY:
        return "dispute_out_of_time", "occurred_at: within a day of the time of sending expected"
    if len(values["statement"]) > STATEMENT:
        return "statement_too_long", f"statement: at most {STATEMENT} characters expected"
    return _id("dispute_id", values["dispute_id"]) or _about(values["about"], timestamp)


def _correction(values: Values, timestamp: int) -> Problem | None:
    about = values["about"]
    found = (
        _id("correction_id", values["correction_id"])
        or _source("source", values["source"])
        or _time("occurred_at", values["occurred_at"], timestamp)
        or _about(about, timestamp)
    )
    if found:
        return found
    if values["source"] != about["source"]:
        return "not_the_source", "source: the same as about.source expected"
    foreign = [name for name in replaced(values) if name not in kinds()[about["kind"]].fields]
    if foreign:
        return "not_a_field", f"{', '.join(foreign)}: only fields of the kind expected"
    return _fields(values)


def _consent(values: Values, timestamp: int) -> Problem | None:
    if found := _lengths("grants", "kinds", values):
        return found
    for grant in values["grants"]:
        if grant["covers_from"] > timestamp + DAY:
            return "covers_from_ahead", "grants.covers_from: at most a day ahead expected"
        if found := _id("grants.scorecard", grant["scorecard"]):
            return found
    return _time("occurred_at", values["occurred_at"], timestamp)


def _share(values: Values, timestamp: int) -> Problem | None:
    if found := _lengths("shares", "reveals", values):
        return found
    for share in values["shares"]:
        if found := _id("shares.audience", share["audience"]):
            return found
    return _time("occurred_at", values["occurred_at"], timestamp)


def _tick(values: Values, timestamp: int) -> Problem | None:
    if values["occurred_at"] > timestamp + DAY:
        return "tick_ahead", "occurred_at: at most a day after the time of sending expected"
    return _time("occurred_at", values["occurred_at"], timestamp)


_CHECKS: dict[str, Callable[[Values, int], Problem | None]] = {
    "disputes": _dispute,
    "corrections": _correction,
    "consents": _consent,
    "shares": _share,
    "ticks": _tick,
}

# What a correction's record has besides the fields that it replaces.
_ENVELOPE = {"correction_id", "citizen_id", "about", "occurred_at", "source", "action"}


def replaced(values: Values) -> dict[str, Any]:
    """Give the fields that a correction replaces: those that are not null."""
    return {n: v for n, v in values.items() if n not in _ENVELOPE and v is not None}


# ---- by field


def _id(field: str, value: str) -> Problem | None:
    short = len(value) <= ID_BYTES // 4  # a character has 4 bytes at most
    if value and short and value[0] != "\0":
        return None
    if not value:
        reason = "empty_id" if field == "citizen_id" else "empty_value"
        return reason, f"{field}: not empty expected"
    if len(value.encode()) > ID_BYTES or value[0] == "\0":
        return "bad_id", f"{field}: at most {ID_BYTES} bytes, no zero byte first expected"
    return None


def _lengths(outer: str, inner: str, values: Values) -> Problem | None:
    if len(values[outer]) > LIST_ITEMS:
        return "list_too_long", f"{outer}: at most {LIST_ITEMS} expected"
    if any(len(each[inner]) > LIST_ITEMS for each in values[outer]):
        return "list_too_long", f"{outer}.{inner}: at most {LIST_ITEMS} expected"
    return None


def _source(field: str, value: str) -> Problem | None:
    return _id(field, value) if value else ("empty_source", f"{field}: not empty expected")


def _time(field: str, value: int, timestamp: int) -> Problem | None:
    if value < EARLIEST:
        return "too_early", f"{field}: not before 1990 expected"
    if value > timestamp + DAY:
        return "too_late", f"{field}: at most a day after the time of sending expected"
    return None


def _about(about: Values, timestamp: int) -> Problem | None:
    if about["kind"] not in KINDS:
        return "unknown_kind", f"about.kind: one of {', '.join(KINDS)} expected"
    return (
        _source("about.source", about["source"])
        or _id("about.event_id", about["event_id"])
        or _time("about.occurred_at", about["occurred_at"], timestamp)
    )


def _fields(values: Values) -> Problem | None:
    """Check amounts, quantities, currencies and dates, where the record has them."""
    amount: int | None = values.get("amount_minor")
    if amount is not None and not 0 <= amount <= LARGEST_AMOUNT:
        if amount < 0:
            return "negative_amount", "amount_minor: 0 or more expected; a refund is a correction"
        return "amount_too_large", "amount_minor: at most 10^12 expected"
    quantity: int | None = values.get("quantity")
    if quantity is not None and not 0 <= quantity <= LARGEST_AMOUNT:
        if quantity < 0:
            return "negative_quantity", "quantity: 0 or more expected; a return is a correction"
        return "amount_too_large", "quantity: at most 10^12 expected"
    currency = values.get("currency")
    if currency is not None and currency not in CODES:
        return "not_a_currency", "currency: an ISO 4217 code expected"
    return _date("due_on", values.get("due_on")) or _date("paid_on", values.get("paid_on"))


def _date(field: str, value: int | None) -> Problem | None:
    if value is None or value in DATES:
        return None
    return "date_out_of_range", f"{field}: a day from 1900 to 2199 expected"


def _unknown_audience(values: Values, audiences: Collection[str] | None) -> Problem | None:
    if audiences is None or all(share["audience"] in audiences for share in values["shares"]):
        return None
    return "unknown_audience", "shares.audience: one that this service has set up expected"
