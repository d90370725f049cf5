"""Merging records into an entry: in any order, in any groups, any number of times, the same."""

from functools import partial, reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.kinds import kinds
from streams.scoring.ledger import (
    EMPTY,
    Entry,
    Fact,
    canonical,
    conflict,
    content_of,
    correction,
    dispute,
    fact,
    merge,
    standing,
)
from streams.scoring.recount import gather
from streams.state import read_entry, write_entry
from tests import histories
from tests.histories import DAY, START

PARTS = histories.parts_of_one_event().map(lambda sent: [histories.part_of(each) for each in sent])


@given(PARTS, st.randoms(use_true_random=False))
def test_order_groups_and_repetition_do_not_matter(parts, order):
    once = reduce(merge, parts, EMPTY)
    again = parts + order.choices(parts, k=3)
    order.shuffle(again)
    half = len(again) // 2
    apart = merge(reduce(merge, again[:half], EMPTY), reduce(merge, again[half:], EMPTY))
    assert apart == once
    assert merge(once, once) == once
    event = ("fines", "s", "e")
    assert gather([(event, part) for part in again]) == {event: once}


@given(histories.parts_of_one_event())
def test_what_counts_is_what_the_records_say_naively(sent):
    merged = reduce(merge, [histories.part_of(each) for each in sent], EMPTY)
    wanted = histories.stands(sent)
    assert standing(merged) == (None if wanted is None else wanted[1])
    assert wanted is None or merged.fact.occurred_at == wanted[0]


@given(PARTS)
def test_an_entry_is_stored_and_read_back(parts):
    merged = reduce(merge, parts, EMPTY)
    assert read_entry(write_entry(merged)) == merged


def test_contents_are_compared_as_json_without_nulls_and_defaults():
    pick = partial(content_of, kinds()["purchases"])
    values = {
        "category": 'é"\n',
        "amount_minor": 5,
        "currency": "USD",
        "quantity": 1,
        "source": "s",
    }
    assert canonical(pick(values)) == '{"amount_minor":5,"category":"é\\"\\n","currency":"USD"}'
    assert '"quantity":2' in canonical(pick({**values, "quantity": 2}))
    bill = partial(content_of, kinds()["payments"])
    missed = {"obligation": "o", "amount_minor": 5, "currency": "USD", "due_on": 3, "paid_on": None}
    assert "paid_on" not in canonical(bill(missed))


def test_the_later_fact_wins_and_of_two_contents_the_smaller():
    small, large = fact(5, {"amount_minor": 1}), fact(5, {"amount_minor": 2})
    assert merge(small, large).fact == merge(large, small).fact == small.fact
    assert merge(small, fact(6, {"amount_minor": 9})).fact.occurred_at == 6
    assert conflict(small, large)
    assert not conflict(small, small)
    assert not conflict(small, fact(6, {"amount_minor": 2}))


def _step(action: str, days: float, named: int = 0, name: str = "d") -> Entry:
    time = START + round(days * DAY)
    return dispute(name, START + named, time, action, "no" if action == "open" else "")


@pytest.mark.parametrize(
    ("steps", "counts"),
    [
        ([], True),
        ([_step("open", 1)], False),
        ([_step("uphold", 1)], True),  # nothing was opened yet
        ([_step("open", 1), _step("reject", 31)], True),
        ([_step("open", 1), _step("reject", 31 + 1 / DAY)], False),  # lapsed for the citizen
        ([_step("open", 1), _step("uphold", 31)], False),
        ([_step("open", 5), _step("reject", 1)], True),  # a decision before the open counts
        ([_step("open", 1), _step("withdraw", 90)], True),
        ([_step("open", 1), _step("uphold", 2), _step("withdraw", 3)], False),
        ([_step("open", 1), _step("withdraw", 2), _step("uphold", 3)], True),
        ([_step("open", 1), _step("uphold", 2), _step("withdraw", 2)], False),
        ([_step("open", 1), _step("uphold", 2), _step("reject", 2)], False),  # tie
        ([_step("open", 1), _step("reject", 2), _step("uphold", 3)], True),  # the earliest
        ([_step("open", 1), _step("reject", 2), _step("open", 3, name="e")], True),
        ([_step("open", 1), _step("reject", 2), _step("open", 2, name="e")], False),
        (
            [
                *(_step("open", 1), _step("reject", 2)),
                *(_step("open", 3, name="e"), _step("uphold", 4, name="e")),
            ],
            False,
        ),
        (  # the first rejection settles it, whatever comes to another
            [
                *(_step("open", 1), _step("reject", 2), _step("open", 3, name="e")),
                *(_step("open", 1, name="f"), _step("reject", 4, name="f")),
            ],
            True,
        ),
        ([_step("open", 1, named=-DAY)], False),  # sent again a day later: it still acts
        ([_step("open", 1, named=-DAY - 1)], True),
        ([_step("open", 9, named=5 * DAY)], False),  # an earlier fact, without limit
    ],
)
def test_whether_an_event_counts_after_the_steps_of_its_disputes(steps, counts):
    entry = reduce(merge, steps, fact(START, {"amount_minor": 1}))
    assert (standing(entry) is not None) == counts


def test_a_statement_stays_until_it_is_decided():
    opened = merge(_step("open", 2), dispute("d", START, START + 2 * DAY, "open", "aa"))
    assert opened.disputes["d", START].statement == "aa"
    for action in ("uphold", "reject", "withdraw"):
        assert merge(opened, _step(action, 3)).disputes["d", START].statement == ""


def test_of_corrections_the_last_stands_alone_at_exactly_its_time():
    first = correction("c1", 5, 8, {"action": "retract"})
    last = correction("c0", 5, 9, {"action": "replace", "amount_minor": 7})
    entry = merge(merge(last, first), Entry(Fact(5, '{"amount_minor":1,"currency":"USD"}')))
    assert standing(entry) == {"amount_minor": 7, "currency": "USD"}
    assert standing(merge(entry, fact(6, {"amount_minor": 3}))) == {"amount_minor": 3}
    tied = merge(first, correction("c0", 5, 8, {"action": "replace", "quantity": 1}))
    assert tied.corrections[5].correction_id == "c1"  # "retract" is the greater content
