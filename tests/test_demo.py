"""The demo's parts, and the demo itself on a small file; all of CDNOW is what `plainscore demo`
shows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from streams.codec import encode, pack
from streams.demo import invented
from streams.demo.chart import chart
from streams.demo.purchases import cdnow
from streams.demo.recounted import Key, Latest, Recounted, Standing, differing, unsteady
from streams.demo.running import Worker
from streams.record import Record
from streams.scorecards import digest, example, read
from streams.scoring.ledger import DAY
from streams.validity import problem

ROOT = Path(__file__).parents[1]
NOW = 1_767_225_600_000


@pytest.fixture(scope="module")
def bought():
    return cdnow()


def test_the_shipped_purchases_are_all_of_cdnow(bought):
    assert len(bought.records) == 69_659
    assert len(bought.citizens) == 23_570
    assert sum(each["amount_minor"] for each in bought.records) == 250_031_563
    assert len({each["event_id"] for each in bought.records}) == 69_659
    assert bought.end(NOW) == 899_251_200_000  # 1998-07-01


def test_no_tick_is_ahead_of_its_time(bought):
    assert bought.end(bought.last + 1) == bought.last + 1


def test_what_is_invented_is_valid_the_same_each_time_and_says_so(bought):
    events = invented.fines_and_payments(bought)
    assert events == invented.fines_and_payments(bought)
    assert {each["source"] for _, each in events} == {invented.CITY, invented.POWER}
    assert all(each["source"].startswith("invented") for _, each in events)
    assert [e for topic, e in events if problem(topic, e, NOW)] == []
    assert all(invented.shows_more(each["citizen_id"]) for _, each in events)
    fined = sum(map(invented.shows_more, bought.citizens))
    assert 0.2 < fined / len(bought.citizens) < 0.3


def test_a_chart_shows_everybody():
    assert chart([600, 601, 601, 650], 950) == [
        f"  600 to 624  {'█' * 46} 3",
        "  625 to 649   0",
        f"  650 to 674  {'█' * 15}▎ 1",
    ]
    assert chart([], 950) == []


# ---- the proof


class Seen(dict):
    """What an outsider saw, written by hand."""

    def __init__(self):
        names = ("scorecards", "consents", "purchases", "fines", "payments", "disputes", "ticks")
        super().__init__({name: [] for name in (*names, "scores", "score-changes")})
        text = example("everyday")
        page = read(text)
        values = {"document": text, "digest": digest(text), "effective_from": page.effective_from}
        self.put("scorecards", {"id": page.id, "version": page.version, **values})

    def put(self, topic, values, key=b""):
        value = None if values is None else encode(topic, values)
        self[topic].append(Record(topic, 0, len(self[topic]), NOW, key, value))


@pytest.fixture
def seen():
    seen = Seen()
    grants = [{"scorecard": "everyday", "kinds": ["purchases"], "covers_from": NOW - 9 * DAY}]
    for citizen in ("ann", "bob"):
        consent = {"citizen_id": citizen, "occurred_at": NOW, "grants": grants}
        seen.put("consents", consent, citizen.encode())
    seen.put("purchases", purchase("ann", "a"))
    seen.put("purchases", purchase("nobody", "b"))
    return seen


def purchase(citizen, event_id):
    return {
        "event_id": event_id,
        "citizen_id": citizen,
        "occurred_at": NOW - DAY,
        "source": "shop",
        "category": "music",
        "amount_minor": 10_000,
        "currency": "USD",
        "quantity": 5,
    }


def score(citizen, standing, sequence=1):
    return {
        "citizen_id": citizen,
        "scorecard": "everyday",
        "sequence": sequence,
        "as_of": NOW,
        **standing._asdict(),
    }


def test_a_score_that_is_not_the_recounts_is_found(seen):
    recounted, latest = Recounted(seen), Latest(seen)
    recounted.count()
    ann, bob = Key("ann", "everyday"), Key("bob", "everyday")
    assert set(recounted.standings) == {ann, bob}
    assert recounted.standings[ann].score > recounted.standings[bob].score == 600
    assert differing(recounted.standings, latest.read()) == [ann, bob]

    for key, standing in recounted.standings.items():
        seen.put("scores", score(key.citizen, standing), pack(*key))
    assert differing(recounted.standings, latest.read()) == []

    wrong = Standing(601, "plus", ("free_returns",), 1)
    seen.put("scores", score("bob", wrong, 2), pack(*bob))
    assert differing(recounted.standings, latest.read()) == [bob]


def test_who_withdraws_or_disputes_is_recounted_again(seen):
    recounted = Recounted(seen)
    recounted.count()
    ann = Key("ann", "everyday")
    about = {
        "kind": "purchases",
        "source": "shop",
        "event_id": "a",
        "occurred_at": NOW - DAY,
    }
    opened = {"dispute_id": "d", "citizen_id": "ann", "about": about, "occurred_at": NOW}
    seen.put("disputes", {**opened, "action": "open", "statement": ""})
    seen.put("consents", None, b"bob")
    recounted.count()
    assert set(recounted.standings) == {ann}
    assert recounted.standings[ann].score == 600


def change(sequence):
    return {
        "change_id": str(sequence),
        "citizen_id": "ann",
        "scorecard": "everyday",
        "version": 1,
        "since": 1,
        "sequence": sequence,
        "as_of": NOW,
        "previous_score": None,
        "score": 600,
        "previous_tier": None,
        "tier": "plus",
        "cause": {"kind": "purchases", "id": "a"},
        "contributions": [],
        "reasons": [],
    }


@pytest.mark.parametrize(
    ("sequences", "steady"), [((1, 2, 3), True), ((1, 3), False), ((1, 1), False), ((2,), False)]
)
def test_gaps_and_repeats_among_changes_are_found(seen, sequences, steady):
    for each in sequences:
        seen.put("score-changes", change(each))
    assert unsteady(seen) == ([] if steady else [Key("ann", "everyday")])


# ---- the whole


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams", "demo", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.kafka
def test_the_demo_proves_its_scores_on_a_file_of_ones_own(tmp_path, bought):
    file = tmp_path / "mine.ndjson"
    mine = [{k: v for k, v in each.items() if k != "event_id"} for each in bought.records[:2_000]]
    file.write_text("".join(json.dumps(each) + "\n" for each in mine))
    done = demo("--file", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    citizens = len({each["citizen_id"] for each in mine}) - 1  # one withdraws
    last = done.stdout.splitlines()[-1]
    assert last == f"2,000 purchases, {citizens} citizens: every score equals the recount"
    assert "Killed the worker (kill -9)" in done.stdout
    assert "disputes an event" in done.stdout
    assert "Erased, says the receipt" in done.stdout


def test_a_killed_demo_removes_its_folder_and_no_other(tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    with Worker("127.0.0.1:1", 1, folder) as worker:
        guard, worker._guard = worker._guard, None
        guard.communicate(timeout=30)  # its input ends, as when the demo is killed
    assert not folder.exists()
    assert tmp_path.exists()  # TMPDIR may hold nothing else


def test_a_bad_line_of_ones_own_file_is_named(tmp_path):
    file = tmp_path / "mine.csv"
    header = "citizen_id,occurred_at,source,category,amount,currency\n"
    file.write_text(
        header + "ann,2024-01-01,shop,books,1.00,USD\nann,2024-01-01,shop,books,x,USD\n"
    )
    done = demo("--file", str(file))
    assert done.returncode == 1
    assert "line 3" in done.stderr
    assert "Traceback" not in done.stderr
    file.write_text(header)
    assert demo("--file", str(file)).returncode == 1
    assert demo("--file", str(tmp_path / "none.csv")).returncode == 2
