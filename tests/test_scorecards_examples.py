"""The example pages are good, fit the demo, and keep what they promise."""

import pytest

from streams.kinds import kinds
from streams.scorecards import digest, example, read
from streams.scoring.costs import dearest_event

START_OF_1997 = 852_076_800_000


@pytest.mark.parametrize("name", ["everyday", "rider"])
def test_an_example_is_good_and_in_force_when_the_demo_begins(name):
    scorecard = read(example(name))
    assert scorecard.id == name
    assert scorecard.effective_from <= START_OF_1997
    assert len(digest(example(name))) == 64


@pytest.mark.parametrize("name", ["everyday", "rider"])
def test_the_promise_of_an_example_is_no_larger_than_it_must_be(name):
    scorecard = read(example(name))
    dearest = max(
        dearest_event(
            kinds()[kind],
            [each for each in scorecard.characteristics if each.reads == kind],
            scorecard.currency,
        ).points
        for kind in scorecard.kinds
    )
    assert dearest == scorecard.one_event_costs_at_most


def test_everyday_counts_what_the_demo_sells():
    scorecard = read(example("everyday"))
    assert scorecard.kinds == {"purchases", "fines", "payments"}
    goods, spending, items, *_ = scorecard.characteristics
    assert all(condition.holds("music") for condition in goods.where)
    assert (spending.measure, spending.max_per_event) == ("amount", 50_000)
    assert (items.measure, items.max_per_event) == ("quantity", 20)
    assert scorecard.currency == "USD"


def test_rider_reads_fines_alone_and_starts_at_the_top():
    scorecard = read(example("rider"))
    assert scorecard.kinds == {"fines"}
    assert scorecard.start == scorecard.high == 950
    assert scorecard.perks_of("prime") == ("no_deposit", "new_vehicles")


@pytest.mark.parametrize("name", ["everyday", "rider"])
def test_reasons_speak_to_the_person(name):
    for each in read(example(name)).characteristics:
        assert each.reason.startswith(("You ", "A bill of yours "))
        assert each.reason.endswith(".")
