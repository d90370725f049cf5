"""The command line against a real Kafka; the core in memory stands in for a worker."""

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from streams import dead_letters, scorecards, settings
from streams.cli import main
from streams.cli.records import Records
from streams.codec import encode
from streams.embedded import Broker
from streams.record import Record
from streams.topics import INPUTS, full_name, partition_of
from tests import memory

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[1]
NOW = int(time.time() * 1000)
DAY = 86_400_000


@pytest.fixture(scope="module")
def brokers():
    with Broker() as broker:
        yield broker.bootstrap


@pytest.fixture
def run(brokers, monkeypatch, capsys):
    """Run one command with topics of the test's own; gives exit code, results and stderr."""
    monkeypatch.setenv("PLAINSCORE_BROKERS", brokers)
    monkeypatch.setenv("PLAINSCORE_PREFIX", f"{uuid4().hex[:8]}.")
    monkeypatch.setenv("PLAINSCORE_AUDIENCES", "bikes")
    monkeypatch.chdir(ROOT)

    def run(*arguments):
        code = main.main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, [json.loads(line) for line in out.splitlines()], err

    assert run("topics", "apply")[0] == 0
    return run


@pytest.fixture
def consented(run):
    """One citizen who lets both example scorecards read, and three fines of it."""
    assert run("scorecard", "publish", *(ROOT / "schemas/scorecards").glob("*.yaml"))[0] == 0
    code, *_ = run(
        "consent",
        "c-1",
        "--grant",
        "everyday:purchases:2024-01-01",
        "--grant",
        "rider:fines:2024-01-01T00:00:00Z",
    )
    assert code == 0
    send(*((f"f{day}", NOW - day * DAY) for day in (1, 2, 3)))
    work()
    return run


def send(*events):
    chosen = settings.load()
    producer = Producer(chosen.librdkafka)
    for event_id, occurred_at in events:
        value = encode("fines", fine(event_id, occurred_at))
        place = partition_of("c-1", 4)
        producer.produce(full_name("fines", chosen.prefix), value, b"c-1", place)
    producer.flush()


def fine(event_id, occurred_at, **changes):
    return {
        "event_id": event_id,
        "citizen_id": "c-1",
        "occurred_at": occurred_at,
        "source": "police",
        "offence": "speeding",
        "severity": "moderate",
        "amount_minor": 5000,
        "currency": "USD",
        **changes,
    }


def work():
    """Do once what a worker does: read all inputs, and write all outputs and tables."""
    chosen = settings.load()
    lane = memory.Lane(memory.published(), 4, chosen.audiences)
    producer = Producer(chosen.librdkafka)
    with Records(chosen) as records:
        inputs = [record for topic in INPUTS for record in records.read_all(topic)]
        done = {
            (r.topic, r.partition, r.key, r.value)
            for t in outputs(lane)
            for r in records.read_all(t)
        }
        lane.run(sorted(inputs, key=lambda r: (r.topic not in ("consents", "shares"), r.timestamp)))
        for r in lane.out:
            if r.topic not in INPUTS and (r.topic, r.partition, r.key, r.value) not in done:
                name = full_name(r.topic, chosen.prefix)
                producer.produce(name, r.value, r.key, r.partition, headers=list(r.headers))
        for topic, tables in (("citizens", lane.citizens), ("ledger", lane.ledger)):
            name = full_name(f"{topic}-changelog", chosen.prefix)
            for partition, table in enumerate(tables):
                for old in {r.key for r in records.read(f"{topic}-changelog", partition)}:
                    if old not in table.rows:
                        producer.produce(name, None, old, partition)
                for key, value in table.rows.items():
                    producer.produce(name, value, key, partition)
    producer.flush()


def outputs(lane):
    return ("score-changes", "scores", "receipts", "dead-letters")


# ---- topics


def test_topics_are_planned_applied_and_then_as_agreed(run):
    assert run("topics", "plan") == (0, [], "")
    code, done, _ = run("topics", "apply")
    assert (code, done) == (0, [])


def test_a_missing_topic_is_planned_and_nothing_changed(run, monkeypatch):
    monkeypatch.setenv("PLAINSCORE_AUDIENCES", "bikes,bank")
    for _ in range(2):
        code, planned, err = run("topics", "plan")
        assert code == 1
        assert [each["setting"] for each in planned] == ["topic"]
        assert "topics apply" in err


def test_another_partition_count_is_refused(run, monkeypatch):
    monkeypatch.setenv("PLAINSCORE_PARTITIONS", "3")
    code, _, err = run("topics", "apply")
    assert code == 2
    assert "PLAINSCORE_PARTITIONS" in err


def test_topics_that_are_not_there_are_told(run, monkeypatch):
    monkeypatch.setenv("PLAINSCORE_PREFIX", "none.")
    for command in (["score", "c-1"], ["tick"], ["dlq", "ls"], ["watch"], ["erase", "c-1"]):
        code, _, err = run(*command)
        assert code == 2, command
        assert "plainscore topics apply" in err


# ---- a citizen


def test_a_score_its_reasons_and_a_what_if(consented):
    code, found, _ = consented("score", "c-1")
    assert code == 0
    scores = {each["scorecard"]: each["score"] for each in found}
    assert scores["everyday"] == 600
    assert scores["rider"] < 950
    code, (told,), _ = consented("explain", "c-1", "--scorecard", "rider")
    assert code == 0
    assert told["score"] == scores["rider"]
    assert (
        sum(part["points"] for part in told["parts"]) + told["base"] + told["clamp"]
        == told["score"]
    )
    assert any("driving too fast" in sentence for sentence in told["words"])
    add = "fines offence=speeding severity=severe amount=50"
    code, imagined, _ = consented("what-if", "c-1", "--add", add)
    would_be = {each["scorecard"]: each["would_be"] for each in imagined}
    assert code == 0
    assert would_be["everyday"] == 600
    assert would_be["rider"] < scores["rider"]
    assert consented("score", "c-1")[1] == found


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["score", "nobody"], 1, "no consent is in force"),
        (["explain", "c-1", "--scorecard", "foo"], 1, "Scored by: everyday, rider"),
        (["what-if", "c-1", "--add", "gifts a=1"], 2, "purchases, fines, payments"),
        (["what-if", "c-1", "--add", "fines offense=x"], 2, "no field 'offense'"),
        (["what-if", "c-1", "--add", "fines offence=x"], 1, "severity is missing"),
        (["export", "nobody"], 1, "Nothing is held"),
        (["consent", "c-1", "--grant", "evryday:purchases"], 1, "everyday"),
        (["consent", "c-1", "--grant", "rider:purchases"], 1, "does not read purchases"),
        (["consent", "c-1", "--grant", "rider"], 2, "everyday:purchases:2024-01-01"),
        (["share", "c-1", "--audience", "bank", "--until", "2030-01-01"], 1, "'bank'"),
        (["share", "c-1", "--audience", "bikes"], 2, "--until"),
        (["share", "nobody", "--audience", "bikes", "--until", "2090-01-01"], 1, "No consent"),
        (["share", "c-1", "--audience", "bikes", "--end"], 1, "shares nothing with bikes"),
        (["dispute", "open", "c-1", "f9"], 1, "no stored events 'f9'"),
        (["dispute", "withdraw", "c-1", "d-9"], 1, "no stored dispute 'd-9'"),
        (["correct", "c-1", "f1", "--set", "category=x"], 1, "only fields of the kind"),
        (["scorecard", "show", "foo"], 1, "everyday@1"),
        (["what-if", "c-1", "--add", "fines offence='speeding"], 2, "No closing quotation"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_told(consented, command, code, said):
    ended, _, err = consented(*command)
    assert ended == code
    assert said in err


def test_a_scorecard_that_another_horizon_refuses_is_told_so(consented, monkeypatch):
    monkeypatch.setenv("PLAINSCORE_HORIZON_DAYS", "100")
    for command in ("score", "explain"):
        code, _, err = consented(command, "c-1")
        assert code == 2
        assert "everyday version 1 cannot be read here" in err
        assert "events are kept for 100" in err
        assert "PLAINSCORE_HORIZON_DAYS" in err


def test_a_dispute_takes_an_event_out_until_it_is_withdrawn(consented):
    before = rider(consented)
    code, (opened,), _ = consented("dispute", "open", "c-1", "f2", "--statement", "Not me.")
    assert code == 0
    assert opened["about"]["kind"] == "fines"
    work()
    assert rider(consented) > before
    assert consented("dispute", "withdraw", "c-1", opened["dispute_id"])[0] == 0
    work()
    assert rider(consented) == before


def test_a_correction_of_the_source_counts_at_once(consented):
    before = rider(consented)
    assert consented("correct", "c-1", "f2", "--retract")[0] == 0
    assert consented("correct", "c-1", "f3", "--set", "offence=parking")[0] == 0
    work()
    assert rider(consented) > before


def rider(run):
    _, found, _ = run("score", "c-1")
    return {each["scorecard"]: each["score"] for each in found}["rider"]


def test_a_grant_keeps_its_date_unless_told_otherwise(consented):
    code, found, err = consented("consent", "c-1", "--grant", "rider:fines")
    assert code == 0
    assert found[0]["covers_from"] == "2024-01-01T00:00:00Z"
    assert "No longer granted: everyday" in err
    assert consented("consent", "c-1")[1] == found


def test_a_share_stands_beside_others_and_ends(consented):
    code, found, _ = consented("share", "c-1", "--audience", "bikes", "--until", "2090-01-01")
    assert code == 0
    assert found == [{"audience": "bikes", "reveals": ["tier"], "until": "2090-01-01T00:00:00Z"}]
    assert consented("share", "c-1")[1] == found
    assert consented("share", "c-1", "--audience", "bikes", "--end")[1] == []


def test_erasing_waits_for_the_receipt_and_leaves_nothing_stored(consented):
    worker = threading.Timer(1, work)
    worker.start()
    code, (receipt,), _ = consented("erase", "c-1")
    worker.join()
    assert code == 0
    assert receipt["erased"]["scorecards"] == 2
    assert "c-1" not in json.dumps(receipt)
    assert consented("score", "c-1")[0] == 1
    assert consented("export", "c-1")[1][0]["state"] is None


def test_a_receipt_that_does_not_come_is_told(consented, monkeypatch):
    monkeypatch.setattr("streams.cli.rights.RECEIPT_WITHIN", 0.5)
    code, out, err = consented("erase", "c-1")
    assert (code, out) == (3, [])
    assert "The withdrawal is on record" in err
    assert "plainscore worker" in err


def test_everything_that_is_held_is_exported(consented):
    code, (held,), _ = consented("export", "c-1")
    assert code == 0
    assert {"consents", "fines", "scores", "score-changes"} <= held["records"].keys()
    assert [each["event_id"] for each in held["state"]["ledger"]] == ["f1", "f2", "f3"]
    assert held["state"]["ledger"][0]["fact"]["offence"] == "speeding"
    assert len(held["state"]["grants"]) == 2


# ---- files, scorecards, time


def test_a_published_file_is_in_its_topic_and_refusals_are_not(run, tmp_path):
    file = tmp_path / "fines.ndjson"
    rows = [fine("a", NOW), fine("b", NOW, amount_minor=-1), fine("c", NOW)]
    file.write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = run("publish", "fines", file)
    assert code == 1
    assert out[0]["line"] == 2
    assert out[-1] == {"topic": "fines", "sent": 2, "refused": 1}
    with Records(settings.load()) as records:
        assert len(list(records.read_all("fines"))) == 2


def test_consents_of_a_file_are_held_against_the_scorecards(consented, tmp_path):
    grant = {"scorecard": "rider", "kinds": ["fines"], "covers_from": "2024-01-01T00:00:00Z"}
    rows = [
        {"citizen_id": f"c-{n}", "occurred_at": NOW, "grants": [grant | changed]}
        for n, changed in enumerate(({}, {"scorecard": "ridr"}, {"kinds": ["payments"]}, {}))
    ]
    file = tmp_path / "consents.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = consented("publish", "consents", file)
    assert code == 1
    assert [each["line"] for each in out[:-1]] == [2, 3]


def test_a_scorecard_is_published_once_and_never_changes(run, tmp_path):
    page = tmp_path / "rider.yaml"
    page.write_text(scorecards.example("rider"))
    assert run("scorecard", "publish", page)[1][0]["new"]
    assert not run("scorecard", "publish", page)[1][0]["new"]
    page.write_text(scorecards.example("rider").replace("everyone", "everybody", 1))
    code, _, err = run("scorecard", "publish", page)
    assert code == 1
    assert "never changes" in err
    assert [(each["id"], each["version"]) for each in run("scorecard", "list")[1]] == [("rider", 1)]


def test_a_score_is_as_of_the_last_tick_also_where_nothing_ages(consented):
    _, (ticked,), _ = consented("tick")
    work()
    code, found, _ = consented("score", "c-1")
    assert code == 0
    for each in found:
        assert each["as_of"] == ticked["ticked"] < each["next_turn"]
        assert "last_week" not in each  # a line of bars says nothing to a program
    told = consented("explain", "c-1")[1]
    assert {each["as_of"] for each in told} == {ticked["ticked"]}


def test_a_tick_reaches_every_partition(run):
    code, (ticked,), _ = run("tick")
    assert code == 0
    assert ticked["ticked"].endswith("Z")
    with Records(settings.load()) as records:
        assert {record.partition for record in records.read_all("ticks")} == {0, 1, 2, 3}
    assert run("tick", "--at", "2090-01-01")[0] == 1


def test_watch_shows_changes_as_json_and_ends_when_stopped(consented):
    watching = subprocess.Popen(
        [sys.executable, "-m", "streams", "watch", "--from-start", "--citizen", "c-1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background would not be told of it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    first = json.loads(watching.stdout.readline())
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=20)
    assert (first["citizen_id"], first["sequence"]) == ("c-1", 1)
    assert (watching.returncode, err) == (0, "")


# ---- dead letters


def test_a_replay_sends_the_same_record_with_its_own_time(run):
    chosen = settings.load()
    value = encode("fines", fine("late", NOW - DAY))
    home = partition_of("c-1", 4)
    moved = ("plainscore.moved", b"1")
    record = Record("fines", (home + 1) % 4, 7, NOW - DAY, b"c-1", value, (moved, ("trace", b"t")))
    headers = dead_letters.headers_for("misplaced", "key: this partition expected", record)
    producer = Producer(chosen.librdkafka)
    producer.produce(full_name("dead-letters", chosen.prefix), value, b"c-1", 0, headers=headers)
    producer.flush()
    assert run("dlq", "replay")[1][0]["replay"] == "would be sent"
    code, (replayed,), err = run("dlq", "replay", "0-0", "--yes")
    assert (code, replayed["replay"]) == (0, "sent")
    assert "1 sent again" in err
    with Records(chosen) as records:
        (again,) = records.read_all("fines")
    assert (again.partition, again.timestamp) == (home, NOW - DAY)
    assert (again.key, again.value, again.headers) == (b"c-1", value, (("trace", b"t"),))


def test_a_replay_waits_where_librdkafka_can_hold_no_more(run, monkeypatch):
    chosen = settings.load()
    producer = Producer(chosen.librdkafka)
    for number in range(200):
        value = encode("fines", fine(f"f{number}", NOW - DAY))
        record = Record("fines", 0, number, NOW - DAY, b"c-1", value)
        headers = dead_letters.headers_for("too_late", "occurred_at", record)
        name = full_name("dead-letters", chosen.prefix)
        producer.produce(name, value, b"c-1", 0, headers=headers)
    producer.flush()
    monkeypatch.setenv("PLAINSCORE_KAFKA", '{"queue.buffering.max.messages": "10"}')
    code, replayed, err = run("dlq", "replay", "--yes")
    assert (code, len(replayed)) == (0, 200), err
    with Records(chosen) as records:
        assert len(list(records.read_all("fines"))) == 200


def test_a_replay_of_what_kafka_refuses_says_so_and_not_to_try_again(run):
    chosen = settings.load()
    value = encode("fines", fine("late", NOW - DAY))
    record = Record("fines", 0, 0, NOW + DAY, b"c-1", value)  # inputs take none of tomorrow
    headers = dead_letters.headers_for("too_late", "occurred_at", record)
    producer = Producer(chosen.librdkafka)
    producer.produce(full_name("dead-letters", chosen.prefix), value, b"c-1", 0, headers=headers)
    producer.flush()
    code, replayed, err = run("dlq", "replay", "--yes")
    assert (code, replayed) == (1, [])
    assert "1 record was not delivered" in err
    assert "or the timestamp that was given" in err
    assert "Replay them again" not in err


# ---- doctor


def test_doctor_finds_everything_right_after_a_tick(run, monkeypatch, tmp_path):
    monkeypatch.setenv("PLAINSCORE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("PLAINSCORE_METRICS_PORT", "0")
    code, found, _ = run("doctor")
    assert code == 1
    assert [each["check"] for each in found if not each["ok"]] == ["clock"]
    run("tick")
    code, found, _ = run("doctor")
    assert (code, [each for each in found if not each["ok"]]) == (0, [])
