"""Every story comes true, notices when a number in it is changed, and together they cover all."""

import re
from functools import cache

import pytest

from streams.dead_letters import REASONS
from tests.story import (
    FOLDER,
    Differs,
    Story,
    Unreadable,
    altered,
    read_story,
    results,
    run,
    stories,
)

NAMES = [path.stem for path in stories()]

# What the stories must cover, each word in at least one story's `covers`.
THE_TABLE = """
    voluntary explained kinds-one-by-one disputes-and-corrections everything-ages-out
    withdrawal-erases sharing-outbound-only perks-only audiences-see-what-was-granted
"""
THE_RULES = """
    order-does-not-matter duplicate late-event later-fact-wins conflict conflict-kept
    statement smaller-statement dispute-opens dispute-upheld dispute-rejected dispute-lapses
    thirty-days decision-before-open decision-dated-before-open uphold-before-reject
    withdraw-ends-dispute withdraw-against-uphold second-dispute dispute-acts-a-day-later
    dispute-acts-earlier dispute-before-event
    correction-replaces correction-retracts last-correction-stands correction-names-exact-time
    correction-before-event not-the-source refund bill-paid-later
    horizon past-horizon
    time-is-an-event as-of-never-falls disputes-move-no-time tick
    ageing-linear ageing-flat a-month own-offset
    measures max-per-event foreign-currency leap-days late-or-not points-table rounding
    contributions reasons one-change-per-record clamp
    tier-edges tier-rises-at-once tier-held-in-period corrections-act-at-once displaced-fact perks
    versions version-re-scores shadow several-scorecards
    gate covers-from first-change grants-together widening narrowing partial-withdrawal
    withdrawal-by-empty-list receipt erasure-and-return new-since consents-first
    written-in-force misplaced heartbeat
    share-begins share-expires share-changes share-ends unknown-scorecard
"""


@cache
def story(name: str) -> Story:
    path = FOLDER / f"{name}.story"
    return read_story(f"stories/{path.name}", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_story_comes_true(name):
    """Scores that are told are held against the recount too, and so is every score at the end."""
    run(story(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_story_comes_true_with_a_restart_after_every_record(name):
    run(story(name), restart_each=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_story_notices_every_number_and_date_that_is_changed(name):
    versions = altered(story(name))
    assert versions, "a story tells at least one number"
    unnoticed = []
    for what, changed in versions:
        try:
            run(changed)
        except (Differs, Unreadable):
            continue
        unnoticed.append(what)
    assert not unnoticed


@pytest.mark.parametrize("name", NAMES)
def test_a_story_ends_in_scores_that_equal_the_recount(name):
    """`results` raises where a published score is not the recount's."""
    told = [row.words for row in story(name).rows if row.expected and row.words[0] == "score"]
    found = results(story(name))
    assert not told or found or any(row.words[0] == "gone" for row in story(name).rows)


def test_there_are_at_least_forty_stories():
    assert len(NAMES) >= 40


def test_titles_differ():
    assert len({story(name).title for name in NAMES}) == len(NAMES)


def test_the_stories_cover_the_table_and_the_rules():
    wanted = {*THE_TABLE.split(), *THE_RULES.split()}
    covered = {word for name in NAMES for word in story(name).covers}
    assert wanted - covered == set()
    assert covered - wanted == set(), "a word that the list above does not have"


def test_the_stories_tell_every_reason_for_a_dead_letter():
    rows = [row.words for name in NAMES for row in story(name).rows if row.expected]
    # limits too large for a row are in test_hostile, what Kafka refuses is in test_refused
    assert set(REASONS) - {"list_too_long", "entry_full", "too_old_to_move"} <= {
        words[2] for words in rows if words[0] == "dead"
    }


def test_the_stories_stand_on_both_sides_of_every_edge():
    scores = {
        int(row.words[3])
        for name in NAMES
        for row in story(name).rows
        if row.expected and row.words[0] == "score" and row.words[2] == "plain"
    }
    assert {549, 550, 599, 600, 649, 650, 699, 700} <= scores


HEAD = "A title.\ncovers: gate\nscorecards: plain.1\n\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("No full stop", "s:1: a story begins with a sentence"),
        ("A title.\nkovers: gate\n", "s:2: covers, scorecards or partitions expected"),
        ("A title.\ncovers: gate\n", "s:2: scorecards is missing"),
        (HEAD + "purches anna 2025-01-01", "s:5: 'purches' is no record"),
        (HEAD + "> skore anna plain 600 plus", "s:5: 'skore' is no expectation"),
        (HEAD + "tick 2025-02-30", "s:5: '2025-02-30' is no date"),
        (HEAD + "tick 2025-02-28 soon", "s:5: nothing more expected, not 'soon'"),
        (HEAD + "tick 2025-02-28 [late]", "s:5: unknown mark [late]"),
        (HEAD + "withdraw nobody 2025-01-01", "s:5: 'nobody' is nobody in people.txt"),
        (HEAD + "\n# a note\n> ledger anna many", "s:7: 'many' is no number of entries"),
    ],
)
def test_a_story_that_cannot_be_read_says_where(text, says):
    with pytest.raises(Unreadable, match=re.escape(says)):
        run(read_story("s", text))
