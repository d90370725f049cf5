"""The oracle itself: numbers worked out by hand, and the fast path against it without any lane.

`recount` is what all else is compared with; so it is held to numbers that no program made.
"""

from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.scoring.citizen import Grant
from streams.scoring.ledger import EMPTY, Entry, Fact, canonical, merge, standing
from streams.scoring.recount import EventRef, recount
from streams.scoring.score import contributions, read
from streams.scoring.scorecard import Scorecard
from streams.scoring.totals import offset_of, period_of, turn, weigh
from tests import histories
from tests.histories import DAY, START

PERIOD = 10 * DAY
ALPHA = histories.in_force("alpha", START)[False]
ALPHA_2 = histories.in_force("alpha", START + 100 * DAY)[False]
BETA = histories.in_force("beta", START)[False]
ANNA = "anna-x"
# first 8 bytes of SHA-256 of "anna-x", modulo 10 days: by sha256sum and bc
TURN = START + 47_320_837  # when a period of 10 days begins for anna
ALL = tuple(
    Grant(name, ("purchases", "fines", "payments"), START - 300 * DAY) for name in ("alpha", "beta")
)


def purchase(time: int, amount: int = 0, quantity: int = 1, category: str = "food") -> Entry:
    content = {"amount_minor": amount, "category": category, "currency": "USD"}
    if quantity != 1:
        content["quantity"] = quantity
    return Entry(Fact(time, canonical(content)))


def fine(time: int, severity: str = "moderate", offence: str = "speeding") -> Entry:
    content = {"amount_minor": 1, "currency": "USD", "offence": offence, "severity": severity}
    return Entry(Fact(time, canonical(content)))


def bill(time: int, **days: int) -> Entry:
    content = {"amount_minor": 1, "currency": "USD", "obligation": "rent", **days}
    return Entry(Fact(time, canonical(content)))


def scored(entries: list[tuple[str, Entry]], as_of: int, scorecard: Scorecard = ALPHA):
    ledger = {EventRef(kind, "s", str(n)): entry for n, (kind, entry) in enumerate(entries)}
    return recount(ANNA, ledger, ALL, as_of, scorecard)


def test_the_offset_is_the_published_one():
    assert (TURN - offset_of(ANNA, PERIOD)) % PERIOD == 0


@pytest.mark.parametrize(
    ("age", "points"),
    # a fine weighs 4, 3, 2, 1 quarters of one: -50 * 3/4 is -37.5, and goes down to -38
    [(0, -50), (1, -38), (2, -25), (3, -13), (4, 0)],
)
def test_a_fine_ages_by_a_quarter_each_period(age, points):
    for time in (TURN, TURN + PERIOD - 1):
        for as_of in (TURN + age * PERIOD + (time - TURN), TURN + (age + 1) * PERIOD - 1):
            assert scored([("fines", fine(time))], as_of).contributions["fines"] == points


@pytest.mark.parametrize(("age", "points"), [(0, -60), (1, -60), (2, 0)])
def test_a_missed_bill_counts_in_full_and_then_not_at_all(age, points):
    found = scored([("payments", bill(TURN, due_on=5))], TURN + age * PERIOD)
    assert found.contributions["missed"] == points


def test_days_late_round_down():
    late = [("payments", bill(TURN, due_on=5, paid_on=6))]
    assert scored(late, TURN).contributions["late"] == -3  # -20/7 is -2.86
    assert scored(late, TURN + PERIOD).contributions["late"] == -2  # 2/3 of it is -1.90
    in_time = [("payments", bill(TURN, due_on=5, paid_on=5))]
    assert scored(in_time, TURN).contributions["late"] == 0


def test_a_purchase_counts_in_every_characteristic_that_reads_it():
    found = scored([("purchases", purchase(TURN, 6_000, 7, "books"))], TURN)
    assert found.contributions == {
        "base": 600,
        "money": 100,  # at most 5000 count, and the table is level beyond 3000
        "books": 5,
        "things": 4,  # at most 5 count: -7 + floor((5 - 4) * 57 / 5)
        "fines": 0,
        "late": 0,
        "missed": 0,
        "clamp": 0,
    }
    assert (found.score, found.tier, found.perks) == (709, "top", ("first", "second"))


def test_the_range_holds():
    found = scored(
        [
            (
                "purchases",
                purchase(TURN, 5_000, category="books"),
            )
        ]
        * 9,
        TURN,
    )
    assert found.contributions["books"] == 40
    assert found.contributions["things"] == 50
    assert found.score == 720
    assert found.contributions["clamp"] == 720 - 790


def test_a_fall_of_this_period_spares_the_tier_until_it_turns():
    fines = [("fines", fine(TURN + DAY))]
    now = scored(fines, TURN + DAY)
    assert (now.score, now.tier) == (550, "middle")  # 600 at the period's start
    assert scored(fines, TURN + PERIOD - 1).tier == "middle"
    turned = scored(fines, TURN + PERIOD)
    assert (turned.score, turned.tier, turned.perks) == (562, "low", ())


def test_a_grant_counts_from_its_first_millisecond():
    ledger = {EventRef("fines", "s", "1"): fine(TURN)}
    for covers_from, score in ((TURN, 550), (TURN + 1, 600)):
        grants = (Grant("alpha", ("fines",), covers_from), Grant("beta", ("fines",), 0))
        assert recount(ANNA, ledger, grants, TURN, ALPHA).score == score
    assert recount(ANNA, ledger, (Grant("alpha", ("payments",), 0),), TURN, ALPHA).score == 600


@pytest.mark.parametrize(
    ("ageing", "counts"), [("flat", [0, 3, 3, 3, 0, 0]), ("linear", [0, 3, 2, 1, 0, 0])]
)
def test_a_window_of_three_counts_for_ages_of_none_to_two(ageing, counts):
    characteristic = replace(ALPHA.characteristics[0], window=3, ageing=ageing)
    assert [characteristic.counts(age) for age in range(-1, 5)] == counts


def test_what_is_too_old_leaves_the_totals_and_what_still_counts_stays():
    first, second = (replace(ALPHA.characteristics[0], window=n, ageing="linear") for n in (2, 4))
    scorecard = replace(ALPHA, characteristics=(first, second))
    totals = {10: [1, 1], 12: [1, 0], 13: [1, 1]}
    assert turn(totals, scorecard, 13) == [1 + 2, 1 + 4]
    assert totals == {10: [0, 1], 12: [1, 0], 13: [1, 1]}
    assert turn(totals, scorecard, 14) == [1, 3]
    assert totals == {13: [1, 1]}


@given(
    st.lists(histories.parts_of_one_event(), max_size=5),
    st.integers(0, 100),
    st.sampled_from((ALPHA, ALPHA_2, BETA)),
)
def test_totals_agree_with_the_recount(events, days, scorecard):
    ledger = {}
    for place, parts in enumerate(events):
        event = histories.event_of(parts[0])._replace(event_id=str(place))
        ledger[event] = reduce(merge, [histories.part_of(each) for each in parts], EMPTY)
    times = [entry.fact.occurred_at for entry in ledger.values() if entry.fact]
    as_of = max([START + days * DAY, *times])
    offset = offset_of(ANNA, scorecard.period_ms)
    totals = {}
    for event, entry in ledger.items():
        content = standing(entry)
        for place, amount in weigh(scorecard, event.kind, content) if content is not None else ():
            period = period_of(entry.fact.occurred_at, offset, scorecard.period_ms)
            row = totals.setdefault(period, [0] * len(scorecard.characteristics))
            row[place] += amount
    now = period_of(as_of, offset, scorecard.period_ms)
    reading = read(scorecard, turn(totals, scorecard, now), totals.get(now))
    found = recount(ANNA, ledger, ALL, as_of, scorecard)
    assert contributions(scorecard, reading.points) == found.contributions
    assert (reading.score, reading.tier) == (found.score, found.tier)
