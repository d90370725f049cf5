"""What the client does before any broker is asked."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import codec, scorecards
from streams.client import AsyncPublisher, Publisher, Subscriber, connection
from streams.client.published import PublishedScorecard, grant_problem, to_publish
from streams.client.shape import milliseconds, natural_id, shaped
from streams.errors import BadData, BadUsage, Unreachable
from streams.topics import INPUTS

GOLDEN = Path(__file__).parent / "golden"
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
DAY = 86_400_000
PURCHASE = {
    "event_id": "1",
    "citizen_id": "ann",
    "occurred_at": NOON,
    "source": "shop",
    "category": "books",
    "amount_minor": 1499,
    "currency": "USD",
}
PAYMENT = {
    "event_id": "1",
    "citizen_id": "ann",
    "occurred_at": NOON,
    "source": "power",
    "obligation": "electricity",
    "amount_minor": 100,
    "currency": "USD",
    "due_on": date(2024, 3, 1),
    "paid_on": None,
}


def test_the_client_imports_neither_faust_nor_rocksdb() -> None:
    """Who only publishes does not carry the worker's weight."""
    code = "import streams.client, sys, json; print(json.dumps(list(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(found.stdout)}
    assert not loaded & {"faust", "mode", "rocksdict", "typer", "rich", "prometheus_client"}


# ---- shape


def test_a_shaped_record_is_what_the_codec_takes() -> None:
    """Times become ms, dates days, defaults are filled in."""
    shape = shaped("payments", PAYMENT)
    assert shape["occurred_at"] == 1_709_208_000_000
    assert shape["due_on"] == 19_783
    assert codec.decode("payments", codec.encode("payments", shape)) == shape
    assert shaped("purchases", PURCHASE)["quantity"] == 1


@pytest.mark.parametrize(
    ("topic", "values", "says"),
    [
        ("purchases", {**PURCHASE, "amount_minor": "12"}, "purchases.amount_minor must be a whole"),
        ("purchases", {**PURCHASE, "amount_minor": 12.0}, "purchases.amount_minor must be a whole"),
        ("purchases", {**PURCHASE, "amount_minor": True}, "purchases.amount_minor must be a whole"),
        ("purchases", {**PURCHASE, "amount_minor": 1 << 63}, "at most 64 bits"),
        ("purchases", {**PURCHASE, "occurred_at": NOON.replace(tzinfo=None)}, "with its time zone"),
        ("purchases", {**PURCHASE, "category": None}, "purchases.category must be a text"),
        ("purchases", {**PURCHASE, "citizen_id": "\ud800"}, "a text that UTF-8 can hold"),
        ("purchases", {**PURCHASE, "colour": "red"}, "purchases has no field 'colour'"),
        ("purchases", {"event_id": "1"}, "purchases.citizen_id is missing"),
        ("payments", {**PAYMENT, "due_on": NOON}, "payments.due_on must be a date"),
        (
            "consents",
            {
                "citizen_id": "a",
                "occurred_at": 1,
                "grants": [{"scorecard": "x", "kinds": "fines", "covers_from": 1}],
            },
            "consents.grants[0].kinds must be a list",
        ),
        (
            "shares",
            {
                "citizen_id": "a",
                "occurred_at": 1,
                "shares": [{"audience": "b", "reveals": ["all"], "until": 1}],
            },
            "shares.shares[0].reveals[0] must be one of score, tier",
        ),
        (
            "disputes",
            {
                "dispute_id": "d",
                "citizen_id": "a",
                "about": {"kind": "fines"},
                "occurred_at": 1,
                "action": "open",
            },
            "disputes.about.source is missing",
        ),
    ],
)
def test_a_wrong_field_is_named(topic: str, values: dict[str, Any], says: str) -> None:
    """The message says which field, and what was expected there."""
    with pytest.raises(BadData) as refused:
        shaped(topic, values)
    assert says in str(refused.value)


def test_a_long_value_is_not_shown_whole() -> None:
    """An error stays readable whatever was given."""
    with pytest.raises(BadData) as refused:
        shaped("purchases", {**PURCHASE, "amount_minor": "9" * 10_000})
    assert len(str(refused.value)) < 200
    with pytest.raises(BadData, match="whole number of at most 64 bits"):
        shaped("purchases", {**PURCHASE, "amount_minor": 10**10_000})


@given(
    st.datetimes(
        min_value=datetime(1950, 1, 1),  # noqa: DTZ001 - hypothesis wants it so
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
    )
)
def test_milliseconds_are_exact(moment: datetime) -> None:
    """No float takes part, so no millisecond is lost."""
    back = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds(moment))
    assert timedelta(0) <= moment - back < timedelta(milliseconds=1)


BEYOND = (2**31, 2**63, -(2**63) - 1, "\ud800")  # a date, a number of Avro, and UTF-8
JUNK = st.sampled_from(BEYOND) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=400)
@given(st.sampled_from(INPUTS), st.data())
def test_junk_is_bad_data_or_encodes(topic: str, data: st.DataObject) -> None:
    """Whatever stands in a field, shaped refuses it or the codec can write it."""
    (good, *_) = json.loads((GOLDEN / f"{topic}.v1.json").read_text())
    spoiled = data.draw(st.sets(st.sampled_from(sorted(good["values"])), max_size=2))
    values = {**good["values"], **{name: data.draw(JUNK) for name in spoiled}}
    try:
        shape = shaped(topic, values)
    except BadData:
        return
    assert codec.decode(topic, codec.encode(topic, shape)) == shape


# ---- natural keys


def test_a_natural_id_is_made_of_every_other_field() -> None:
    """The same content has the same id, any other content another; a default may be left out."""
    shape = shaped("purchases", PURCHASE)
    made = natural_id("purchases", shape)
    assert len(made) == 32
    assert made == natural_id("purchases", {**shape, "event_id": "other"})
    assert made == natural_id("purchases", shaped("purchases", {**PURCHASE, "quantity": 1}))
    changed = {
        name: natural_id("purchases", {**shape, name: f"{value}!"})
        for name, value in shape.items()
        if name != "event_id"
    }
    assert len({made, *changed.values()}) == len(shape)


def test_a_natural_id_never_changes() -> None:
    """Events sent years ago and sent again now must still meet: this pins the making."""
    made = natural_id("purchases", shaped("purchases", PURCHASE))
    assert made == "6e011b146093adb2402a143f8f4ae48b"


# ---- rules of publishing a scorecard


def page(version: int, effective_from: str, **changed: str) -> str:
    text = scorecards.example("everyday")
    first, rest = text.split("version: 1\n", 1)
    _, rest = rest.split("\n", 1)
    text = f"{first}version: {version}\neffective_from: {effective_from}\n{rest}"
    for old, new in changed.items():
        text = text.replace(old, new)
    return text


def published(*pages: str) -> list[PublishedScorecard]:
    made: list[PublishedScorecard] = []
    for text in pages:
        one = to_publish([], text, 0)
        assert one is not None
        made.append(one)
    return made


NOW = milliseconds(NOON)


def test_a_first_version_may_be_in_force_at_any_time() -> None:
    one = to_publish([], page(1, "1997-01-01"), NOW)
    assert one is not None
    assert (one.id, one.version, one.effective_from) == ("everyday", 1, 852_076_800_000)
    assert to_publish([], page(3, "2030-01-01"), NOW) is not None


def test_the_same_page_again_is_nothing_to_publish() -> None:
    assert to_publish(published(page(1, "1997-01-01")), page(1, "1997-01-01"), NOW) is None


@pytest.mark.parametrize(
    ("there", "new", "says"),
    [
        ([(1, "1997-01-01")], (1, "1997-01-02"), "never changes"),
        ([(1, "1997-01-01")], (2, "2024-03-02"), "less than two days"),
        ([(1, "2024-06-01")], (2, "2024-05-01"), "on the wrong side of version 1"),
        ([(2, "2024-06-01")], (1, "2024-07-01"), "on the wrong side of version 2"),
        ([(1, "1997-01-01"), (2, "2024-05-01")], (3, "2024-04-01"), "wrong side of version 2"),
    ],
)
def test_a_later_version_keeps_the_promises(
    there: list[tuple[int, str]], new: tuple[int, str], says: str
) -> None:
    """What people were told stays; what comes is told two days ahead, in order."""
    with pytest.raises(BadData, match=says):
        to_publish(published(*(page(*each) for each in there)), page(*new), NOW)


def test_a_later_version_two_days_ahead_is_published() -> None:
    there = published(page(1, "1997-01-01"))
    assert to_publish(there, page(2, "2024-03-03"), NOW) is not None  # 2 days and 12 hours
    assert to_publish(there, page(2, "2024-03-03"), NOW + DAY // 2) is not None  # 2 days
    with pytest.raises(BadData, match="less than two days"):
        to_publish(there, page(2, "2024-03-03"), NOW + DAY // 2 + 1)


def test_a_shadow_is_bound_by_nothing_but_its_number() -> None:
    """It is never in force, so nobody needs telling ahead."""
    shadow = page(2, "1990-01-01") + "\nshadow: true\n"
    there = published(page(1, "1997-01-01"))
    made = to_publish(there, shadow, NOW)
    assert made is not None
    with pytest.raises(BadData, match="never changes"):
        to_publish([*there, made], page(2, "2030-01-01"), NOW)
    assert to_publish([*there, made], page(3, "2024-03-03"), NOW) is not None


def test_a_grant_is_to_a_published_scorecard_that_reads_the_kind() -> None:
    everyday = published(page(1, "1997-01-01"))
    shadow = published(page(1, "1997-01-01") + "\nshadow: true\n")
    assert grant_problem(everyday, "everyday", ["purchases", "fines"]) is None
    assert "does not read ticks" in str(grant_problem(everyday, "everyday", ["ticks"]))
    assert "no scorecard 'other'" in str(grant_problem(everyday, "other", ["purchases"]))
    assert "Published are: everyday." in str(grant_problem(everyday, "other", []))
    assert "no scorecard 'everyday'" in str(grant_problem(shadow, "everyday", ["purchases"]))


# ---- wrong use, and no broker


def test_no_broker_is_said_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a hang, not a traceback: the address and what to do."""
    assert connection.ANSWER_WITHIN <= 10
    monkeypatch.setattr(connection, "ANSWER_WITHIN", 0.5)
    began = time.monotonic()
    with pytest.raises(Unreachable) as failed:
        Publisher("127.0.0.1:1")
    assert time.monotonic() - began < 3
    assert "Connection refused" in str(failed.value)
    assert "127.0.0.1:1" in str(failed.value)
    assert "plainscore broker" in str(failed.value)


def test_a_setting_that_kafka_does_not_know_is_wrong_use() -> None:
    with pytest.raises(BadUsage, match="nonsense"):
        Publisher("127.0.0.1:1", kafka={"nonsense": "1"})


def test_positions_and_group_exclude_each_other() -> None:
    with pytest.raises(BadUsage, match="a group keeps its own"):
        Subscriber("127.0.0.1:1", positions={0: 1}, group="g")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"from_": "latest"}, "'latest' is no place to begin"),
        ({"positions": {"0": 5}}, r"\('0', 5\) is no partition"),
        ({"positions": {0: -1}}, r"\(0, -1\) is no partition"),
    ],
)
def test_a_place_to_begin_that_is_none_is_refused(given: dict[str, Any], said: str) -> None:
    """Else it would begin at the start, and all that was done already would come again."""
    with pytest.raises(BadUsage, match=said):
        Subscriber("127.0.0.1:1", **given)


@pytest.mark.parametrize("citizen", ["", "\0", "x" * 70_000, "\udcff", 5])
def test_an_id_that_nobody_can_have_is_bad_data(citizen: Any) -> None:
    with pytest.raises(BadData, match="citizen_id"):
        Subscriber("127.0.0.1:1", citizen=citizen)


def test_what_was_not_delivered_is_raised_with_its_count() -> None:
    """Nothing that Kafka did not take is passed over in silence, and it is said once."""
    hurry = {"delivery.timeout.ms": "300"}
    publisher = Publisher("127.0.0.1:1", partitions=4, kafka=hurry)
    for number in range(3):
        publisher.publish("purchases", {**PURCHASE, "event_id": str(number)})
    with pytest.raises(Unreachable, match="3 records were not delivered"):
        publisher.flush()
    publisher.close()


def test_the_next_publish_raises_for_an_earlier_record() -> None:
    """A long-running producer learns of a loss without flushing, and it is said once."""
    hurry = {"delivery.timeout.ms": "200"}
    publisher = Publisher("127.0.0.1:1", partitions=4, kafka=hurry)
    publisher.publish("purchases", PURCHASE)
    until = time.monotonic() + 10
    while not publisher._delivery._lost and time.monotonic() < until:
        publisher._delivery._producer.poll(0.1)
    with pytest.raises(Unreachable, match="1 record was not delivered"):
        publisher.publish("purchases", PURCHASE)
    publisher.publish("purchases", PURCHASE)


def test_whatever_is_given_is_bad_data() -> None:
    publisher = Publisher("127.0.0.1:1", partitions=4)
    about: Any = {"kind": "purchases", "event_id": "e", "occurred_at": 5}
    nothing = cast(Any, None)
    wrong: dict[str, Callable[[], object]] = {
        "corrections.about.source is missing": lambda: publisher.correct("ann", about),
        "corrections.about must be": lambda: publisher.correct("ann", nothing),
        "consents.citizen_id must be a text,": lambda: publisher.withdraw(nothing),
        "a text that UTF-8 can hold": lambda: publisher.withdraw("\ud800"),
        "purchases must be": lambda: publisher.publish("purchases", nothing, natural_key=True),
        "and is 'now'": lambda: publisher.publish("purchases", PURCHASE, cast(Any, "now")),
        "at most 64 bits": lambda: publisher.publish("purchases", PURCHASE, 2**70),
    }
    for said, call in wrong.items():
        with pytest.raises(BadData, match=said):
            call()
    publisher.close()


def test_nothing_is_published_after_the_end() -> None:
    """It would wait in a queue that nobody flushes any more."""
    publisher = Publisher("127.0.0.1:1", partitions=4)
    publisher.close()
    late: list[Callable[[], object]] = [
        lambda: publisher.publish("purchases", PURCHASE),
        lambda: publisher.withdraw("ann"),
        publisher.tick,
        lambda: publisher.publish_scorecard(""),
    ]
    for call in late:
        with pytest.raises(BadUsage, match="is closed"):
            call()
    publisher.close()


def test_the_callers_own_error_is_the_one_to_see() -> None:
    """Leaving with an error does not cover it with what could not be delivered."""
    hurry = {"delivery.timeout.ms": "200"}
    publisher = Publisher("127.0.0.1:1", partitions=4, kafka=hurry)
    publisher.publish("purchases", PURCHASE)
    with pytest.raises(ZeroDivisionError), publisher:
        raise ZeroDivisionError


async def _closed() -> None:
    await AsyncPublisher("127.0.0.1:1").flush()


def test_an_async_publisher_that_was_not_entered_says_so() -> None:
    with pytest.raises(BadUsage, match="async with"):
        asyncio.run(_closed())
