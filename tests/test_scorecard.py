"""A page that nobody should be scored by is refused, with the line and the reason."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import BadData
from streams.kinds import kinds
from streams.scorecards import LARGEST_PAGE, digest, read
from streams.scoring.citizen import Account, AccountKey, Cause, Citizen, Work
from streams.scoring.costs import dearest_event, steepest_fall
from streams.scoring.currencies import CODES
from streams.scoring.kind import Field, Kind
from streams.scoring.protected import protected_word
from streams.scoring.scorecard import Characteristic, Condition
from streams.scoring.validate import MOST_ROWS, Refused, build
from streams.state import write_citizen
from streams.topics import LARGEST_RECORD

PAGE = """\
id: small
version: 1
effective_from: 1997-01-01
purpose: Shows what a page is.
currency: USD
base: 600
range: [350, 950]
period: 30
one_event_costs_at_most: 40
characteristics:
  - id: music
    dimension: what_you_buy
    reads: purchases
    where: {category: {in: [music]}}
    measure: count
    max_per_event: 1
    window: 12
    ageing: linear
    points: [[0, 0], [10, 50]]
    reason: You bought music.
  - id: bills
    dimension: bills
    reads: payments
    where: {outcome: {in: [late]}}
    measure: days_late
    max_per_event: 30
    window: 12
    ageing: flat
    points: [[0, 0], [30, -40]]
    reason: You paid bills late.
tiers:
  - {id: basic, from: 350}
  - {id: plus, from: 600}
perks:
  - {id: returns, tier: plus, text: You can send things back.}
"""

OUT_OF_FINES = """\
  - id: fines_{n}
    dimension: fines
    reads: fines
    where: {{{where}}}
    measure: count
    max_per_event: 1
    window: 2
    ageing: flat
    points: [[0, 0], [1, -{points}]]
    reason: You were fined.
"""


def fines(*rows: tuple[str, int]) -> str:
    """PAGE with characteristics on fines: their conditions, and what one fine costs."""
    written = "".join(
        OUT_OF_FINES.format(n=n, where=where, points=points)
        for n, (where, points) in enumerate(rows)
    )
    return PAGE.replace("tiers:\n", written + "tiers:\n")


def changed(old: str, new: str) -> str:
    assert old in PAGE
    return PAGE.replace(old, new, 1)


def problems(text: str | bytes, horizon_days: int = 750) -> list[str]:
    with pytest.raises(BadData) as refused:
        read(text, horizon_days)
    sentence, *lines = str(refused.value).split("\n")
    assert sentence == "The scorecard is refused. Mend these lines:"
    return [line.strip() for line in lines]


def test_a_good_page_is_read_as_it_is_written():
    scorecard = read(PAGE)
    assert (scorecard.id, scorecard.version, scorecard.currency) == ("small", 1, "USD")
    assert scorecard.effective_from == 852_076_800_000
    assert (scorecard.start, scorecard.low, scorecard.high) == (600, 350, 950)
    assert scorecard.period_ms == 30 * 86_400_000
    assert scorecard.one_event_costs_at_most == 40
    assert not scorecard.shadow
    assert scorecard.kinds == {"purchases", "payments"}
    assert scorecard.characteristics[0] == Characteristic(
        id="music",
        dimension="what_you_buy",
        reads="purchases",
        where=(Condition("category", frozenset({"music"})),),
        measure="count",
        max_per_event=1,
        window=12,
        ageing="linear",
        points=((0, 0), (10, 50)),
        reason="You bought music.",
    )


@pytest.mark.parametrize(
    ("score", "tier", "perks"),
    [
        (350, "basic", ()),
        (599, "basic", ()),
        (600, "plus", ("returns",)),
        (950, "plus", ("returns",)),
    ],
)
def test_a_tier_begins_at_its_first_point(score, tier, perks):
    scorecard = read(PAGE)
    assert scorecard.tier_of(score) == tier
    assert scorecard.perks_of(tier) == perks


def test_perks_of_lower_tiers_stay():
    more = "  - {id: gift, tier: basic, text: You get a gift.}\n"
    scorecard = read(PAGE + more)
    assert scorecard.perks_of("basic") == ("gift",)
    assert scorecard.perks_of("plus") == ("returns", "gift")


def test_a_condition_holds_for_what_it_names_or_for_all_else():
    assert Condition("category", frozenset({"music"})).holds("music")
    assert not Condition("category", frozenset({"music"})).holds("books")
    assert Condition("category", frozenset({"music"}), negated=True).holds("books")
    assert not Condition("category", frozenset({"music"}), negated=True).holds("music")


def test_a_shadow_page_says_so():
    assert read(PAGE + "shadow: true\n").shadow
    assert not read(PAGE + "shadow: false\n").shadow


LONG = "x" * 201
ROWS = ", ".join(["[0, 0]"] * (MOST_ROWS + 1))

REFUSALS = {
    # ---- fields
    "unknown field": (
        changed("base: 600", "base: 600\nbased: 600"),
        "line 7: based: unknown field, perhaps base",
    ),
    "unknown field of a characteristic": (
        changed("    window: 12\n", "    window: 12\n    weight: 2\n"),
        "line 18: characteristics[0].weight: unknown field, it can be id, dimension, reads, "
        "measure, max_per_event, window, ageing, points, reason or where",
    ),
    "unknown field of a tier": (
        changed("{id: basic, from: 350}", "{id: basic, from: 350, to: 599}"),
        "line 32: tiers[0].to: unknown field, it can be id or from",
    ),
    "unknown field of a perk": (
        changed("{id: returns, ", "{id: returns, ends: never, "),
        "line 35: perks[0].ends: unknown field, it can be id, tier or text",
    ),
    "unknown field of a condition": (
        changed("{in: [music]}", "{in: [music], like: [rock]}"),
        "line 14: characteristics[0].where.category.like: unknown field, it can be in or not_in",
    ),
    "missing field": (changed("base: 600\n", ""), "line 1: base: is missing"),
    "missing field of a characteristic": (
        changed("    max_per_event: 1\n", ""),
        "line 11: characteristics[0].max_per_event: is missing",
    ),
    "missing text of a perk": (
        changed(", text: You can send things back.", ""),
        "line 35: perks[0].text: is missing",
    ),
    "missing from of a tier": (
        changed("{id: plus, from: 600}", "{id: plus}"),
        "line 33: tiers[1].from: is missing",
    ),
    "a field without a value": (
        changed("base: 600", "base:"),
        "line 6: base: must be a whole number from 350 to 950, not nothing",
    ),
    # ---- types
    "text in place of a number": (
        changed("base: 600", "base: '600'"),
        'line 6: base: must be a whole number from 350 to 950, not "600"',
    ),
    "true is no number": (
        changed("version: 1", "version: true"),
        "line 2: version: must be a whole number from 1 to 1000000, not true",
    ),
    "a number is no text": (
        changed("You bought music.", "12"),
        "line 20: characteristics[0].reason: must be a text, not 12",
    ),
    "a number is no id": (
        changed("id: small", "id: 7"),
        "line 1: id: must be a short word of a-z, 0-9 and _ that begins with a letter, not 7",
    ),
    "a text is no list": (
        changed("range: [350, 950]", "range: 350 to 950"),
        'line 7: range: must be a list, not "350 to 950"',
    ),
    "a list is no mapping": (
        changed("where: {category: {in: [music]}}", "where: [music]"),
        "line 14: characteristics[0].where: must name at least one field, not a list",
    ),
    "a text is no mapping": (
        changed("{category: {in: [music]}}", "{category: music}"),
        'line 14: characteristics[0].where.category: must be a mapping of fields, not "music"',
    ),
    "a characteristic is a mapping": (
        PAGE.replace("tiers:\n", "  - music\ntiers:\n"),
        'line 31: characteristics[2]: must be a mapping of fields, not "music"',
    ),
    "shadow is true or false": (
        PAGE + "shadow: 1\n",
        "line 36: shadow: must be true or false, not 1",
    ),
    "the page is a mapping": ("- id: small\n", "line 1: must be a mapping of fields, not a list"),
    # ---- ids
    "an id with capitals": (
        changed("id: music", "id: Music"),
        "line 11: characteristics[0].id: must be a short word of a-z, 0-9 and _ that begins with "
        'a letter, not "Music"',
    ),
    "an id that is long": (
        changed("id: music", "id: " + "m" * 41),
        "line 11: characteristics[0].id: must be a short word of a-z, 0-9 and _ that begins with "
        f'a letter, not "{"m" * 40}..."',
    ),
    "an id that begins with a digit": (
        changed("dimension: bills", "dimension: 2nd"),
        "line 22: characteristics[1].dimension: must be a short word of a-z, 0-9 and _ that begins "
        'with a letter, not "2nd"',
    ),
    "base is taken": (
        changed("id: music", "id: base"),
        'line 11: characteristics[0].id: "base" is taken, use another id',
    ),
    "clamp is taken": (
        changed("id: bills", "id: clamp"),
        'line 21: characteristics[1].id: "clamp" is taken, use another id',
    ),
    "two characteristics of one id": (
        changed("id: bills", "id: music"),
        'line 21: characteristics[1].id: "music" is the id of another one already',
    ),
    "two tiers of one id": (
        changed("{id: plus, from: 600}", "{id: plus, from: 600}\n  - {id: plus, from: 700}"),
        'line 34: tiers[2].id: "plus" is the id of another one already',
    ),
    "two perks of one id": (
        PAGE + "  - {id: returns, tier: plus, text: You get a gift.}\n",
        'line 36: perks[1].id: "returns" is the id of another one already',
    ),
    # ---- the head of the page
    "version 0": (
        changed("version: 1", "version: 0"),
        "line 2: version: must be a whole number from 1 to 1000000, not 0",
    ),
    "a date in quotes": (
        changed("1997-01-01", '"1997-01-01"'),
        "line 3: effective_from: must be a date such as 2024-01-31, without quotes or a time, "
        'not "1997-01-01"',
    ),
    "a date with a time": (
        changed("1997-01-01", "1997-01-01T00:00:00Z"),
        'line 3: effective_from: "1997-01-01T00:00:00Z" is not a date such as 2024-01-31',
    ),
    "a day that never was": (
        changed("1997-01-01", "1997-02-29"),
        "line 3: effective_from: there is no day 1997-02-29",
    ),
    "an unknown currency": (
        changed("USD", "USX"),
        'line 5: currency: must be a currency code of ISO 4217 such as USD, not "USX"',
    ),
    "base outside of 350 to 950": (
        changed("base: 600", "base: 951"),
        "line 6: base: must be a whole number from 350 to 950, not 951",
    ),
    "base outside of the range": (
        changed("range: [350, 950]", "range: [350, 500]").replace("from: 600", "from: 400"),
        "line 6: base: 600 lies outside of the range 350 to 500",
    ),
    "a range below 350": (
        changed("[350, 950]", "[349, 950]"),
        "line 7: range[0]: must be a whole number from 350 to 950, not 349",
    ),
    "a range above 950": (
        changed("[350, 950]", "[350, 951]"),
        "line 7: range[1]: must be a whole number from 350 to 950, not 951",
    ),
    "a range that falls": (
        changed("[350, 950]", "[950, 350]"),
        "line 7: range: must rise, and 950 to 350 does not",
    ),
    "a range of one": (
        changed("[350, 950]", "[600, 600]"),
        "line 7: range: must rise, and 600 to 600 does not",
    ),
    "a range of three": (
        changed("[350, 950]", "[350, 600, 950]"),
        "line 7: range: must be a list of 2, not of 3",
    ),
    "a period of no days": (
        changed("period: 30", "period: 0"),
        "line 8: period: must be a whole number from 1 to 1000000000000, not 0",
    ),
    "no characteristic": (
        PAGE[: PAGE.index("  - id: music")].rstrip() + " []\n" + PAGE[PAGE.index("tiers:") :],
        "line 10: characteristics: must be a list of 1 to 100, not of 0",
    ),
    # ---- characteristics
    "an unknown kind": (
        changed("reads: purchases", "reads: purchase"),
        'line 13: characteristics[0].reads: must be fines, payments or purchases, not "purchase"',
    ),
    "a field that the kind has not": (
        changed("{category:", "{colour:"),
        "line 14: characteristics[0].where.colour: purchases have no such field to choose by, "
        "it can be category or currency",
    ),
    "a field that is no text": (
        changed("{category: {in: [music]}}", "{amount_minor: {in: ['5']}}"),
        "line 14: characteristics[0].where.amount_minor: purchases have no such field to choose "
        "by, it can be category or currency",
    ),
    "nobody is chosen by name": (
        changed("{category: {in: [music]}}", "{citizen_id: {in: [ann]}}"),
        "line 14: characteristics[0].where.citizen_id: purchases have no such field to choose by, "
        "it can be category or currency",
    ),
    "only payments have an outcome": (
        changed("{category: {in: [music]}}", "{outcome: {in: [late]}}"),
        "line 14: characteristics[0].where.outcome: purchases have no such field to choose by, "
        "it can be category or currency",
    ),
    "an unknown outcome": (
        changed("{in: [late]}", "{in: [tardy]}"),
        'line 24: characteristics[1].where.outcome.in[0]: "tardy" is not among '
        "on_time, late or missed",
    ),
    "an unknown symbol": (
        fines(("severity: {not_in: [mild]}", 10)),
        'line 34: characteristics[2].where.severity.not_in[0]: "mild" is not among '
        "minor, moderate or severe",
    ),
    "an empty where": (
        changed("{category: {in: [music]}}", "{}"),
        "line 14: characteristics[0].where: must name at least one field, not a mapping",
    ),
    "a condition without values": (
        changed("{in: [music]}", "{in: []}"),
        "line 14: characteristics[0].where.category.in: must be a list of 1 to 100, not of 0",
    ),
    "a condition without in": (
        changed("{in: [music]}", "{}"),
        "line 14: characteristics[0].where.category: must hold either in or not_in, "
        "with a list of values",
    ),
    "in and not_in": (
        changed("{in: [music]}", "{in: [music], not_in: [books]}"),
        "line 14: characteristics[0].where.category: must hold either in or not_in, "
        "with a list of values",
    ),
    "a value twice": (
        changed("{in: [music]}", "{in: [music, books, music]}"),
        'line 14: characteristics[0].where.category.in[2]: "music" stands here twice',
    ),
    "a value that is no text": (
        changed("{in: [music]}", "{in: [12]}"),
        "line 14: characteristics[0].where.category.in[0]: must be a text, not 12",
    ),
    "an unknown measure": (
        changed("measure: count", "measure: sum"),
        "line 15: characteristics[0].measure: must be count, amount, quantity, days_late or "
        'missed, not "sum"',
    ),
    "a quantity of payments": (
        changed("measure: days_late", "measure: quantity"),
        "line 25: characteristics[1].measure: quantity needs a quantity, and payments have none",
    ),
    "days late of a fine": (
        fines(("severity: {in: [minor]}", 10)).replace(
            "reads: fines\n    where: {severity: {in: [minor]}}\n    measure: count",
            "reads: fines\n    measure: missed",
        ),
        "line 34: characteristics[2].measure: missed needs a due_on, and fines have none",
        "line 34: characteristics[2].measure: missed needs a paid_on, and fines have none",
    ),
    "max_per_event of nothing": (
        changed("max_per_event: 30", "max_per_event: 0"),
        "line 26: characteristics[1].max_per_event: must be a whole number from 1 to "
        "1000000000000, not 0",
    ),
    "max_per_event beyond every event": (
        changed("max_per_event: 30", "max_per_event: 1000000000001"),
        "line 26: characteristics[1].max_per_event: must be a whole number from 1 to "
        "1000000000000, not 1000000000001",
    ),
    "a window of nothing": (
        changed("window: 12", "window: 0"),
        "line 17: characteristics[0].window: must be a whole number from 1 to 1000000000000, not 0",
    ),
    "a window over the horizon": (
        changed("window: 12", "window: 25"),
        "line 17: characteristics[0].window: 25 periods and one more are 780 days, "
        "and events are kept for 750",
    ),
    "an unknown ageing": (
        changed("ageing: linear", "ageing: never"),
        'line 18: characteristics[0].ageing: must be flat or linear, not "never"',
    ),
    # ---- points
    "points that begin elsewhere": (
        changed("[[0, 0], [10, 50]]", "[[0, 5], [10, 50]]"),
        "line 19: characteristics[0].points[0]: the first must be [0, 0], not [0, 5]",
    ),
    "points that begin later": (
        changed("[[0, 0], [10, 50]]", "[[1, 0], [10, 50]]"),
        "line 19: characteristics[0].points[0]: the first must be [0, 0], not [1, 0]",
    ),
    "unsorted totals": (
        changed("[[0, 0], [10, 50]]", "[[0, 0], [10, 50], [5, 60]]"),
        "line 19: characteristics[0].points[2]: the totals must rise, and 5 follows 10",
    ),
    "overlapping totals": (
        changed("[[0, 0], [10, 50]]", "[[0, 0], [10, 50], [10, 60]]"),
        "line 19: characteristics[0].points[2]: the totals must rise, and 10 follows 10",
    ),
    "a row of three": (
        changed("[10, 50]", "[10, 50, 60]"),
        "line 19: characteristics[0].points[1]: must be a list of 2, not of 3",
    ),
    "a total below zero": (
        changed("[10, 50]", "[-10, 50]"),
        "line 19: characteristics[0].points[1][0]: must be a whole number from 0 to "
        "1000000000000, not -10",
    ),
    "points beyond all scores": (
        changed("[10, 50]", "[10, 10001]"),
        "line 19: characteristics[0].points[1][1]: must be a whole number from -10000 to 10000, "
        "not 10001",
    ),
    "no points": (
        changed("[[0, 0], [10, 50]]", "[]"),
        "line 19: characteristics[0].points: must be a list of 1 to 100, not of 0",
    ),
    "too many points": (
        changed("[[0, 0], [10, 50]]", f"[{ROWS}]"),
        "line 19: characteristics[0].points: must be a list of 1 to 100, not of 101",
    ),
    "points that never change": (
        changed("[10, 50]", "[10, 0]"),
        "line 19: characteristics[0].points: changes no points whatever the total, leave it out",
    ),
    "one row of points": (
        changed("[[0, 0], [10, 50]]", "[[0, 0]]"),
        "line 19: characteristics[0].points: changes no points whatever the total, leave it out",
    ),
    "points that only rise from the top": (
        changed("base: 600", "base: 950"),
        "line 19: characteristics[0].points: can move no score: from 950 every step lies outside "
        "of the range 350 to 950",
    ),
    "points that only fall from the bottom": (
        changed("base: 600", "base: 350"),
        "line 29: characteristics[1].points: can move no score: from 350 every step lies outside "
        "of the range 350 to 950",
    ),
    # ---- tiers and perks
    "tiers that begin above the range": (
        changed("{id: basic, from: 350}", "{id: basic, from: 360}"),
        "line 32: tiers[0].from: the first tier must begin where the range does, at 350",
    ),
    "tiers that fall": (
        changed("{id: plus, from: 600}", "{id: plus, from: 600}\n  - {id: extra, from: 500}"),
        "line 34: tiers[2].from: tiers must rise, and 500 follows 600",
    ),
    "two tiers at one score": (
        changed("{id: plus, from: 600}", "{id: plus, from: 600}\n  - {id: extra, from: 600}"),
        "line 34: tiers[2].from: tiers must rise, and 600 follows 600",
    ),
    "a tier above 950": (
        changed("from: 600", "from: 951"),
        "line 33: tiers[1].from: must be a whole number from 350 to 950, not 951",
    ),
    "a tier above the range": (
        changed("[350, 950]", "[350, 700]").replace("from: 600", "from: 701"),
        "line 33: tiers[1].from: 701 lies above the range, which ends at 700",
    ),
    "a perk of no tier": (
        changed("tier: plus", "tier: pluss"),
        'line 35: perks[0].tier: there is no tier "pluss", perhaps plus',
    ),
    "a perk that takes away": (
        changed("You can send", "You cannot send"),
        "line 35: perks[0].text: must begin with You can or You get: a perk takes nothing away",
    ),
    # ---- texts
    "a long reason": (
        changed("You bought music.", LONG),
        "line 20: characteristics[0].reason: must be no longer than 200 characters, and has 201",
    ),
    "a long purpose": (
        changed("Shows what a page is.", LONG * 2),
        "line 4: purpose: must be no longer than 400 characters, and has 402",
    ),
    "an empty text": (
        changed("You bought music.", "'  '"),
        "line 20: characteristics[0].reason: must not be empty",
    ),
    "a text with a hidden character": (
        changed("You bought music.", '"You bought \\u202emusic."'),
        "line 20: characteristics[0].reason: must be one line, without characters that nobody "
        "can see",
    ),
    "a text with half a character": (
        changed("You bought music.", '"You bought \\ud800."'),
        "line 20: characteristics[0].reason: must be one line, without characters that nobody "
        "can see",
    ),
    # ---- who people are
    "a protected id": (
        changed("id: music", "id: church_music"),
        'line 11: characteristics[0].id: "church" is something that nobody is scored by',
    ),
    "a protected dimension": (
        changed("dimension: bills", "dimension: health_bills"),
        'line 22: characteristics[1].dimension: "health" is something that nobody is scored by',
    ),
    "a protected value": (
        changed("{in: [music]}", "{not_in: [music, Kosher food]}"),
        'line 14: characteristics[0].where.category.not_in[1]: "kosher" is something that nobody '
        "is scored by",
    ),
    "a protected id of a scorecard": (
        changed("id: small", "id: friends"),
        'line 1: id: "friends" is something that nobody is scored by',
    ),
    # ---- what one event costs
    "one event that costs more": (
        changed("at_most: 40", "at_most: 39"),
        "line 9: one_event_costs_at_most: one event of payments can cost 40 points (40 by bills), "
        "more than the 39 promised",
    ),
    "one event that meets two characteristics": (
        fines(("severity: {in: [minor]}", 25), ("offence: {in: [parking]}", 16)),
        "line 9: one_event_costs_at_most: one event of fines can cost 41 points (25 by fines_0 and "
        "16 by fines_1), more than the 40 promised",
    ),
    "one event that meets what nothing names": (
        fines(("offence: {not_in: [parking]}", 25), ("offence: {not_in: [speeding]}", 16)),
        "line 9: one_event_costs_at_most: one event of fines can cost 41 points (25 by fines_0 and "
        "16 by fines_1), more than the 40 promised",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_bad_page_is_refused_with_line_and_reason(refusal):
    text, *expected = refusal
    assert problems(text) == expected


def test_every_problem_is_told_at_once():
    text = PAGE.replace("base: 600", "base: 1.5").replace("window: 12", "window: no", 1)
    text = text.replace("tier: plus", "tier: top").replace("currency: USD\n", "")
    assert problems(text + "shadow: true\nshadow: true\n") == [
        "line 1: currency: is missing",
        'line 5: base: "1.5" is not a whole number in plain digits',
        'line 16: characteristics[0].window: "no" is a yes or no in YAML, put a text in quotes',
        'line 34: perks[0].tier: there is no tier "top", it can be basic or plus',
        "line 36: shadow: stands here a second time",
    ]


def test_the_horizon_is_the_one_that_the_worker_keeps():
    assert read(PAGE, horizon_days=390)
    assert problems(PAGE, horizon_days=389) == [
        f"line {line}: characteristics[{n}].window: 12 periods and one more are 390 days, "
        "and events are kept for 389"
        for n, line in enumerate((17, 27))
    ]


HOSTILE = {
    "nothing": ("", "line 1: the page is empty"),
    "a comment alone": ("# nothing\n", "line 1: the page is empty"),
    "an alias": (
        "a: &a [x]\nb: *a\n",
        "line 1: anchors (&) and aliases (*) are not read, write the part out",
    ),
    "an alias to nothing": (
        "id: small\nb: *a\n",
        "line 2: anchors (&) and aliases (*) are not read, write the part out",
    ),
    "a tag": (
        "id: !!python/object/apply:os.system [ls]\n",
        'line 1: tags such as "tag:yaml.org,2002:python/object/apply:os..." are not read, '
        "leave it out",
    ),
    "a tag of its own": ("id: !x small\n", 'line 1: tags such as "!x" are not read, leave it out'),
    "depth": ("[" * 50_000, "line 1: parts lie more than 8 deep in each other here"),
    "depth in blocks": (
        "".join(" " * n + "a:\n" for n in range(300)),
        "line 9: parts lie more than 8 deep in each other here",
    ),
    "no YAML": (
        "id: small\nbase: [1\n",
        "line 3: this is not YAML: expected ',' or ']', but got '<stream end>'",
    ),
    "two documents": (
        "id: small\n---\nid: other\n",
        "line 2: this is not YAML: but found another document",
    ),
    "a tab": (
        "id: small\n\tbase: 1\n",
        "line 2: this is not YAML: found character '\\t' that cannot start any token",
    ),
    "a control character": (
        "id: small\nbase: \x00\n",
        "line 2: a character stands here that no text may hold",
    ),
    "bytes that are not UTF-8": (
        b"id: small\nbase: \xff\n",
        "line 2: the text is not UTF-8 here, save it as UTF-8",
    ),
    "half a character": (
        "id: small\nbase: \ud800\n",
        "line 2: the text is not UTF-8 here, save it as UTF-8",
    ),
    "a page of many bytes": (
        "#" * (LARGEST_PAGE + 1),
        f"line 1: a page has at most {LARGEST_PAGE} bytes, and this has {LARGEST_PAGE + 1}",
    ),
    "a version beyond all numbers": (
        f"%YAML {'9' * 5000}.1\n---\n",
        "line 1: this is not YAML: an escape or a version is out of bounds",
    ),
    "an escape beyond all characters": (
        'id: "\\UFFFFFFFF"\n',
        "line 1: this is not YAML: an escape or a version is out of bounds",
    ),
}


@pytest.mark.parametrize(("text", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_yaml_is_refused(text, expected):
    assert problems(text) == [expected]


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("600.0", '"600.0" is not a whole number in plain digits'),
        ("6e2", 'must be a whole number from 350 to 950, not "6e2"'),
        (".inf", '".inf" is not a whole number in plain digits'),
        (".nan", '".nan" is not a whole number in plain digits'),
        ("0x258", '"0x258" is not a whole number in plain digits'),
        ("01130", '"01130" is not a whole number in plain digits'),
        ("10:00", '"10:00" is not a whole number in plain digits'),
        ("6_00", '"6_00" is not a whole number in plain digits'),
        ("9" * 9000, f'"{"9" * 40}..." is not a whole number in plain digits'),
        ("9" * 18, f"must be a whole number from 350 to 950, not {'9' * 18}"),
        ("yes", '"yes" is a yes or no in YAML, put a text in quotes'),
        ("~", "must be a whole number from 350 to 950, not nothing"),
        ("=", '"=" means something of its own in YAML, use quotes'),
        ("2024-01-31", "must be a whole number from 350 to 950, not 2024-01-31"),
    ],
)
def test_a_number_is_plain_digits(written, what):
    assert problems(changed("base: 600", f"base: {written}")) == [f"line 6: base: {what}"]


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("yes: 1", '"yes" is no name of a field'),
        ("12: 1", '"12" is no name of a field'),
        ("<<: {version: 2}", '"<<" is no name of a field'),
        ("? [a, b]\n: 1", '"a list or a mapping" is no name of a field'),
        ("? {a: b}\n: 1", '"a list or a mapping" is no name of a field'),
    ],
)
def test_a_field_has_a_name(written, what):
    assert problems(PAGE + written + "\n") == [f"line 36: {what}"]


def test_a_refusal_plays_no_tricks_on_a_terminal():
    said = problems(PAGE + '"\\e[2J\\ud800": 1\n"' + "x" * 500 + '": 1\n')
    assert said[0].startswith("line 36: ?[2J?: unknown field")
    assert said[1].startswith(f"line 37: {'x' * 40}...: unknown field")
    assert problems(changed("USD", '"\\e[2J"')) == [
        'line 5: currency: must be a currency code of ISO 4217 such as USD, not "?[2J"'
    ]


NO_NUMBERS = [600.0, True, None, "600", 10**5000, [600], {"x": 1}, date(2024, 1, 1)]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=range(len(NO_NUMBERS)))
def test_only_an_integer_is_a_number_whoever_hands_it_over(value):
    with pytest.raises(Refused) as refused:
        build({"base": value}, kinds(), 750, {})
    assert any(str(each).startswith("line 1: base: must be") for each in refused.value.problems)


@pytest.mark.parametrize("value", [None, 5, "page", [], {}, {1: 2}, {"tiers": {"a": 1}}])
def test_whatever_is_handed_over_is_refused_and_breaks_nothing(value):
    with pytest.raises(Refused):
        build(value, kinds(), 750, {})


PROTECTED = """
religion religious_books Church ethnicity race races health healths trade_union unions sexes gender
women age ages zip zip_code postcodes post_code friends contact-list neighbours nationality
nationalities politics sexuality other_peoples_scores Ätherische_Religion political2party
skin_colours
"""
NOT_PROTECTED = """
garage racing package sextant manual zipper unionist_not agent scorecard books music groceries
speeding red_light stop_sign house bus transport minor
"""


@pytest.mark.parametrize("text", PROTECTED.split())
def test_what_people_are_is_found_as_a_whole_word(text):
    assert protected_word(text)


@pytest.mark.parametrize("text", NOT_PROTECTED.split())
def test_other_words_are_not_taken_for_what_people_are(text):
    assert protected_word(text) is None


def test_currencies_are_those_of_today_and_of_before():
    assert {"USD", "EUR", "JPY", "XXX"} <= CODES
    assert {"DEM", "FRF", "ITL", "ZWD"} <= CODES
    assert "usd" not in CODES
    assert all(len(code) == 3 and code.isupper() for code in CODES)
    assert len(CODES) == 307


def test_a_digest_is_that_of_the_text():
    assert digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest("ä") != digest("a")


# ---- what one event can cost


def characteristic(points, **terms) -> Characteristic:
    given_terms = {
        "id": "one",
        "dimension": "one",
        "reads": "payments",
        "where": (),
        "measure": "count",
        "max_per_event": 1,
        "window": 1,
        "ageing": "flat",
        "reason": "One.",
        **terms,
    }
    return Characteristic(points=tuple(points), **given_terms)


def test_late_and_missed_never_meet():
    late = characteristic([(0, 0), (30, -20)], id="late", measure="days_late", max_per_event=30)
    missed = characteristic([(0, 0), (1, -30)], id="missed", measure="missed")
    every = characteristic([(0, 0), (1, -5)], id="every")
    cost = dearest_event(kinds()["payments"], [late, missed, every], "USD")
    assert (cost.points, cost.falls) == (35, (("missed", 30), ("every", 5)))


def test_an_amount_in_another_currency_costs_nothing():
    amount = characteristic([(0, 0), (5, -50)], id="amount", measure="amount", max_per_event=5)
    euros = characteristic(
        [(0, 0), (1, -10)], id="euros", where=(Condition("currency", frozenset({"EUR"})),)
    )
    assert dearest_event(kinds()["payments"], [amount, euros], "USD").points == 50
    assert dearest_event(kinds()["payments"], [amount, euros], "EUR").points == 60


def test_a_count_counts_once_whatever_its_limit():
    many = characteristic([(0, 0), (10, -100)], max_per_event=10)
    assert dearest_event(kinds()["payments"], [many], "USD").points == 10


def test_an_enum_that_may_be_missing_can_be_none_of_its_symbols():
    kind = Kind("tests", {"sort": Field("enum", ("a", "b"), nullable=True)})
    neither = [
        characteristic(
            [(0, 0), (1, -10)],
            id=each,
            reads="tests",
            where=(Condition("sort", frozenset({each}), negated=True),),
        )
        for each in ("a", "b")
    ]
    assert dearest_event(kind, neither, "USD").points == 20


def test_too_many_sorts_of_event_are_refused():
    fields = "abcdefghijklmn"
    page = {
        "characteristics": [
            {
                "id": f"on_{name}",
                "dimension": "tests",
                "reads": "tests",
                "where": {name: {"in": ["x"]}},
                "measure": "count",
                "max_per_event": 1,
                "window": 1,
                "ageing": "flat",
                "points": [[0, 0], [1, -1]],
                "reason": "One.",
            }
            for name in fields
        ],
        "one_event_costs_at_most": 600,
        "currency": "USD",
    }
    kind = Kind("tests", {name: Field("string") for name in fields})
    with pytest.raises(Refused) as refused:
        build(page, {"tests": kind}, 750, {("characteristics",): 7})
    assert (
        "line 7: characteristics: the conditions on tests tell more than 10000 sorts of event "
        "apart, too many to find the one that costs most, use fewer"
    ) in map(str, refused.value.problems)


def many_totals(windows: int) -> str:
    """PAGE with windows of many days, that come to so many together."""
    page = PAGE.replace("period: 30", "period: 1").replace("window: 12", "window: 500")
    music, bills = page.index("  - id: music"), page.index("  - id: bills")
    count, rest = divmod(windows - 1000, 500)
    written = [page[music:bills].replace("id: music", f"id: more_{n}") for n in range(count)]
    if rest:
        written.append(page[music:bills].replace("music", "rest").replace("500", str(rest)))
    return page[:music] + "".join(written) + page[music:]


def test_a_row_of_a_person_fits_its_changelog_whatever_its_scorecard():
    """Of every characteristic something large in each period; a shadow too, and both once more."""
    found = problems(many_totals(10_001))
    assert found == [
        "line 10: characteristics: their windows are 10001 periods together, and 10000 at most "
        "can be kept of a person, use longer periods"
    ]
    card = read(many_totals(10_000))
    windows = [each.window for each in card.characteristics]
    totals = {
        period: [10**15 if period < window else 0 for window in windows] for period in range(500)
    }
    keys = [AccountKey(card.id, shadow) for shadow in (False, True)]
    accounts = [Account(key, 1, totals, 0, 500) for key in keys]
    work = Work(Cause("consents", "consents-0-0"), accounts)
    citizen = Citizen("anna", 1, 1, (), 1, accounts=dict(zip(keys, accounts, strict=True)))
    citizen.work = work
    assert len(write_citizen(citizen)) < LARGEST_RECORD / 2


@st.composite
def tables(draw):
    totals = sorted(draw(st.sets(st.integers(1, 12), min_size=1, max_size=4)))
    return ((0, 0), *((total, draw(st.integers(-60, 60))) for total in totals))


def floored(points, total, n):
    """The published reading of a table: the total stands on a scale of n."""
    x0, y0 = points[0]
    for x1, y1 in points[1:]:
        if total < x1 * n:
            return y0 + (total - x0 * n) * (y1 - y0) // ((x1 - x0) * n)
        x0, y0 = x1, y1
    return y0


@given(tables(), st.integers(1, 15), st.integers(1, 4))
def test_no_event_costs_more_than_the_bound(points, most, n):
    """Every total, every size of event, every age: never more; and less than a point below."""
    worst = max(
        floored(points, total, n) - floored(points, total + added, n)
        for total in range(13 * n + 1)
        for added in range(most * n + 1)
    )
    assert worst <= steepest_fall(points, most) <= worst + 1


@given(tables(), st.integers(1, 15))
def test_the_bound_is_the_steepest_fall_rounded_up(points, most):
    def exact(total):
        x0, y0 = points[0]
        for x1, y1 in points[1:]:
            if total < x1:
                return y0 + Fraction((total - x0) * (y1 - y0), x1 - x0)
            x0, y0 = x1, y1
        return Fraction(y0)

    falls = [
        exact(total) - exact(total + added) for total in range(14) for added in range(most + 1)
    ]
    assert steepest_fall(points, most) == -(-max(falls) // 1)


SYMBOLS = ("a", "b", "c")
conditions = st.builds(
    Condition,
    field=st.sampled_from(["text", "sort"]),
    values=st.sets(st.sampled_from(SYMBOLS), min_size=1).map(frozenset),
    negated=st.booleans(),
)


@given(st.lists(st.tuples(st.lists(conditions, max_size=3), st.integers(0, 50)), max_size=4))
def test_the_dearest_event_is_the_dearest_of_all(rows):
    kind = Kind("tests", {"text": Field("string"), "sort": Field("enum", SYMBOLS)})
    weighed = [
        characteristic([(0, 0), (1, -points)], id=f"c{n}", reads="tests", where=tuple(where))
        for n, (where, points) in enumerate(rows)
    ]
    costs = [
        sum(
            points
            for where, points in rows
            if all(term.holds({"text": text, "sort": sort}[term.field]) for term in where)
        )
        for text in (*SYMBOLS, "something else")
        for sort in SYMBOLS
    ]
    assert dearest_event(kind, weighed, "USD").points == max(costs)


# ---- anything at all


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_any_text_is_refused_in_sentences(text):
    assert problems(text)


@given(st.data())
def test_a_mutated_page_is_read_or_refused_in_sentences(data):
    text = bytearray(PAGE.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(text) - 1))
        cut = data.draw(st.integers(0, 4))
        text[place : place + cut] = data.draw(st.sampled_from([b"", b"[", b"&", b"-", b"9", b"\n"]))
    try:
        read(bytes(text))
    except BadData as refused:
        said = str(refused)
    else:
        said = "line "
    assert "line " in said
