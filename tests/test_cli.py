"""The command line without a broker: what it says, where it says it, and its exit codes."""

import errno
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams import dead_letters, scorecards, settings
from streams.cli import failures, fields, held, main, rights, rows, score, show
from streams.cli import publish as publishing
from streams.client import connection, publisher
from streams.client.shape import shaped
from streams.codec import encode
from streams.errors import BadData, BadUsage, PlainscoreError, Unreachable
from streams.record import Record
from streams.scoring.explain import Explanation, in_words
from streams.scoring.recount import EventRef

ROOT = Path(__file__).parents[1]
MAP = ["--map", "citizen_id=who", "--map", "occurred_at=day"]
MAP += ["--map", "category=what", "--map", "amount=dollars"]
SET = ["--set", "currency=USD", "--set", "source=shop", "--natural-key"]
PURCHASE = {
    "event_id": "e1",
    "citizen_id": "c-1",
    "occurred_at": "2024-05-01T10:00:00Z",
    "source": "shop",
    "category": "books",
    "amount_minor": 500,
    "currency": "USD",
}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("PLAINSCORE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(connection, "ANSWER_WITHIN", 0.4)


@pytest.fixture
def run(capsys):
    """Run one command in this process; gives its exit code, stdout and stderr."""

    def run(*arguments):
        code = main.main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return run


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


class Sent:
    """Takes what a Publisher takes, and refuses what it refuses, without Kafka."""

    records: ClassVar[list] = []
    fails_at = None

    def __init__(self, *_, **__):
        Sent.records = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def publish(self, topic, values, *, natural_key=False):
        if len(Sent.records) == Sent.fails_at:
            raise Unreachable("No Kafka broker answers", where="brokers b:1", next_step="Start it.")
        shape = publisher._with_id(topic, values) if natural_key else shaped(topic, values)
        publisher._judge(topic, shape, None)
        Sent.records.append(shape)

    def tick(self, occurred_at):
        Sent.records.append(occurred_at)

    def flush(self):
        pass


@pytest.fixture
def sent(monkeypatch):
    monkeypatch.setattr("streams.client.Publisher", Sent)
    monkeypatch.setattr(Sent, "fails_at", None)
    return Sent


# ---- usage


def test_no_command_shows_help_and_is_a_usage_error(run):
    code, out, err = run()
    assert code == 2
    assert "publish" in out + err


def test_a_command_that_does_not_exist_is_a_usage_error(run):
    code, _, err = run("scor")
    assert code == 2
    assert "scor" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("publish", "purchses", "x"), "Did you mean purchases?"),
        (("publish", "ticks", "x"), "`plainscore tick`"),
        (("publish", "scorecards", "x"), "`plainscore scorecard publish`"),
        (("publish", "score-changes", "x"), "They are consents, shares, purchases"),
        (("publish", "purchases", "nowhere.csv"), "There is no such file (nowhere.csv)"),
        (("publish", "purchases", "/"), "This is a folder, not a file (/)"),
        (("publish", "purchases", __file__), "not clear what the file holds"),
        (("publish", "purchases", "x.csv", "--map", "who"), "'who' is not of the form"),
        (("publish", "purchases", "x.csv", "--map", "citizen=who"), "no field 'citizen'"),
        (("publish", "purchases", "x.csv", "--set", "foo=1"), "(--set)"),
        (("demo", "--file", __file__), "Name it .csv or .ndjson"),
        (("tick", "--at", "tomorrow"), "Write it like 2024-05-31T12:00:00Z"),
        (("tick", "--at", ""), "Write it like 2024-05-31T12:00:00Z"),
        (("dispute", "open"), "Missing argument"),
        (("share", "c-1", "--end"), "(--audience)"),
        (("share", "c-1", "--audience", "b", "--until", "2020-01-01"), "over already"),
        (("correct", "c-1", "e-1"), "--retract"),
        (("correct", "c-1", "e-1", "--set", "source=x"), "cannot replace 'source'"),
        (("correct", "c-1", "e-1", "--set", "category="), "cannot empty 'category'"),
        (("scorecard", "validate", "nowhere.yaml"), "There is no such file (nowhere.yaml)"),
        (("broker", "--port", "0", "--folder", ""), "a folder expected, and it is empty"),
    ],
)
def test_wrong_usage_says_what_is_right(run, arguments, said):
    code, out, err = run(*arguments)
    assert code == 2
    assert said in " ".join(err.replace("│", " ").split())
    assert out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["topics", "plan"],
        ["topics", "apply"],
        ["score", "c-1"],
        ["explain", "c-1"],
        ["what-if", "c-1", "--add", "purchases amount=1 category=books"],
        ["export", "c-1"],
        ["consent", "c-1"],
        ["consent", "c-1", "--grant", "everyday:purchases"],
        ["share", "c-1"],
        ["erase", "c-1"],
        ["erase", "c-1", "--no-wait"],
        ["dispute", "open", "c-1", "e-1"],
        ["dispute", "withdraw", "c-1", "d-1"],
        ["correct", "c-1", "e-1", "--retract"],
        ["watch"],
        ["tick"],
        ["scorecard", "list"],
        ["scorecard", "show", "everyday"],
        ["scorecard", "publish", "schemas/scorecards/rider.yaml"],
        ["dlq", "ls"],
        ["dlq", "show", "0-0"],
        ["dlq", "replay"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_a_broker_that_is_down_ends_in_a_sentence_and_3(run, arguments, monkeypatch):
    monkeypatch.setenv("PLAINSCORE_BROKERS", "127.0.0.1:1")
    monkeypatch.chdir(ROOT)
    code, out, err = run(*arguments)
    assert code == 3
    said = out + err
    assert "No Kafka broker answer" in said
    assert "127.0.0.1:1" in said
    assert "plainscore broker" in said


def test_the_real_command_says_so_too():
    environment = {**os.environ, "PLAINSCORE_BROKERS": "127.0.0.1:1"}
    ended = subprocess.run(
        [sys.executable, "-m", "streams", "score", "c-1"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: No Kafka broker answered")


@pytest.mark.parametrize("command", ["schemas check", "--help", "publish --help"])
def test_a_reader_that_leaves_is_no_error(command):
    piped = f"{sys.executable} -m streams {command} | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", piped], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.stdout.strip(), ended.stderr) == ("0", "")


def test_an_error_that_nobody_reads_is_one_all_the_same():
    failing = f"{sys.executable} -m streams publish purchases nowhere.csv"
    piped = f"{failing} 2>&1 | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", piped], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.stdout.strip(), ended.stderr) == ("2", "")


def test_a_closed_output_is_no_error():
    """What was done must not look as if it had failed."""
    closed = f"{sys.executable} -m streams schemas check >&- 2>&-; echo $?"
    ended = subprocess.run(
        ["bash", "-c", closed], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.stdout.strip(), ended.stderr) == ("0", "")


def test_output_whose_reader_has_left_keeps_no_file_open():
    running = """
import os, sys
from streams.cli import main
reader, writer = os.pipe()
os.close(reader)
sys.stdout = os.fdopen(writer, "w")
free = os.dup(0)
os.close(free)
assert main.main(["schemas", "check"]) == 0
assert os.dup(0) == free
"""
    subprocess.run([sys.executable, "-c", running], cwd=ROOT, check=True)


def test_a_closed_output_leaves_no_file_open_in_the_place_of_the_input():
    running = "import os; from streams.cli import main; main.main(['--version']); os.fstat(0)"
    closed = f'{sys.executable} -c "{running}" <&- >&-'
    ended = subprocess.run(
        ["bash", "-c", closed], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "OSError: [Errno 9] Bad file descriptor" in ended.stderr


@pytest.mark.parametrize(
    "arguments", [("publish", "purchases", "-"), ("scorecard", "validate", "-")]
)
def test_a_closed_input_is_told(run, sent, monkeypatch, arguments):
    monkeypatch.setattr(sys, "stdin", None)  # as Python has it after `<&-`
    code, _, err = run(*arguments)
    assert code == 2
    assert "The standard input is closed (-)" in err


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_of_ours_is_called_so_and_shown_only_when_asked(run, monkeypatch, debug):
    monkeypatch.setattr("streams.cli.contract.schema_problems", lambda: 1 / 0)
    if debug:
        monkeypatch.setenv("PLAINSCORE_DEBUG", "1")
        with pytest.raises(ZeroDivisionError):
            run("schemas", "check")
        return
    code, _, err = run("schemas", "check")
    assert code == 1
    assert "plainscore itself failed: ZeroDivisionError" in err
    assert "PLAINSCORE_DEBUG=1" in err


def test_an_interruption_is_quiet(run, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("streams.cli.contract.schema_problems", interrupted)
    code, out, err = run("schemas", "check")
    assert (code, out, err.strip()) == (130, "", "")


# ---- failures


@pytest.mark.parametrize(
    ("error", "exit_code", "said"),
    [
        (OSError(errno.ENOSPC, "No space left", "/state/x"), 3, "The disk is full (/state/x)"),
        (OSError(errno.EADDRINUSE, "Address in use"), 2, "The port is taken"),
        (PermissionError(errno.EACCES, "no", "/root/x"), 2, "(/root/x). Check who owns it"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "no"), 3, "does not answer"),
        (OSError(errno.EIO, "Input/output error", "/dev/x"), 3, "Input/output error (/dev/x)"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), 1, "not UTF-8 from byte 0"),
        (
            UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"),
            2,
            "argument is not",
        ),
        (UnicodeEncodeError("ascii", "•", 0, 1, "ordinal not in range"), 2, "encoding, ascii"),
        (ModuleNotFoundError("x", name="jgo"), 2, "pip install 'plainscore[embedded]'"),
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), 3, "No Kafka broker answers (b:1)"),
        (KafkaException(KafkaError(KafkaError._AUTHENTICATION)), 3, "PLAINSCORE_KAFKA"),
        (KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)), 3, "topics apply"),
        (KafkaException(KafkaError(KafkaError._INVALID_ARG)), 2, "refuses a setting"),
        (KafkaException(KafkaError(KafkaError.INVALID_CONFIG)), 3, "plainscore doctor"),
        (BadData("Wrong", where="line 1", next_step="Mend it."), 1, "Wrong (line 1). Mend it."),
        (RuntimeError("odd\nsecond line"), 1, "RuntimeError: odd."),
    ],
)
def test_every_failure_becomes_a_sentence(error, exit_code, said):
    failure = failures.sentence(error, brokers="b:1")
    assert isinstance(failure, PlainscoreError)
    assert failure.exit_code == exit_code
    assert said in str(failure)


def test_a_crash_is_told_by_what_crashed_it():
    crash = RuntimeError("the worker crashed")
    crash.__cause__ = OSError(errno.ENOSPC, "No space left", "/state")
    assert failures.sentence(crash).what == "The disk is full"


# ---- settings


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PARTITIONS", "four", "integer"),
        ("PARTITIONS", "0", "greater than or equal to 1"),
        ("KAFKA", '{"sasl.password": "hunter2"', "JSON"),
        ("AUDIENCES", "Big Bank", "a-z"),
        ("PREFIX", "a b", "letters"),
        ("LOG_LEVEL", "loud", "debug"),
        ("STATE_DIR", "~nobody-of-that-name/state", "whole path"),
        ("AUDIENCES", "bikes,shadow", "another word than shadow"),
    ],
)
def test_a_bad_setting_is_named_and_not_repeated(run, monkeypatch, name, value, said):
    monkeypatch.setenv(f"PLAINSCORE_{name}", value)
    code, _, err = run("topics", "plan")
    assert code == 2
    assert f"PLAINSCORE_{name}" in err
    assert said in err
    assert value not in err.replace("PLAINSCORE", "").replace("0.", "") or value == "0"


def test_an_unset_variable_does_not_open_the_metrics_to_every_machine(run, monkeypatch):
    """`PLAINSCORE_METRICS_HOST=$HOST` is empty where HOST is not set."""
    monkeypatch.setenv("PLAINSCORE_METRICS_HOST", "")
    code, _, err = run("topics", "plan")
    assert (code, "PLAINSCORE_METRICS_HOST" in err) == (2, True)


@pytest.mark.parametrize("command", ["score c-1", "topics plan", "watch", "doctor"])
def test_a_login_in_an_address_is_refused_and_not_repeated(run, monkeypatch, command):
    monkeypatch.setenv("PLAINSCORE_BROKERS", "user:hunter2@127.0.0.1:1")
    monkeypatch.setenv("PLAINSCORE_SCHEMA_REGISTRY_URL", "http://user:hunter2@127.0.0.1:1")
    code, out, err = run(*command.split())
    assert code == (3 if command == "doctor" else 2)
    assert "address holds a login" in out + err
    assert "hunter2" not in out + err


@pytest.mark.parametrize("name", ["STATE_DIR", "BROKER_FOLDER"])
def test_an_empty_folder_is_not_the_one_we_run_in(run, monkeypatch, name):
    monkeypatch.setenv(f"PLAINSCORE_{name}", "")
    code, _, err = run("doctor")
    assert code == 2
    assert f"PLAINSCORE_{name}" in err


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("PLAINSCORE_AUDIENCES", "bikes, bank")
    monkeypatch.setenv("PLAINSCORE_KAFKA", '{"security.protocol": "SSL"}')
    monkeypatch.setenv("PLAINSCORE_STATE_DIR", "~/state")
    chosen = settings.load()
    assert chosen.audiences == ("bikes", "bank")
    assert chosen.librdkafka["security.protocol"] == "SSL"
    assert chosen.state_dir == Path.home() / "state"
    assert "SSL" not in repr(chosen)


def test_a_variable_that_sets_nothing_is_noticed():
    given = {"PLAINSCORE_PARTITION": "3", "PLAINSCORE_PORT": "tcp://x", "PLAINSCORE_DEBUG": "1"}
    found = settings.unknown(given)
    assert found["PLAINSCORE_PARTITION"] == "PLAINSCORE_PARTITIONS"
    assert "PLAINSCORE_DEBUG" not in found


# ---- publish


def test_a_bad_row_is_named_by_its_line_and_stops_no_other(run, sent, tmp_path):
    file = tmp_path / "bought.csv"
    file.write_bytes(
        b"\xef\xbb\xbfwho,day,what,dollars\n"
        b"c-1,2024-05-01,books,12.99\n"
        b"c-1,2024-05-02,books,-3\n"
        b"c-1,20240503,books,5.001\n"
        b"c-1,tomorrow,books,5\n"
        b"c-1,2024-05-03,books\n"
        b'c-1,2024-05-03,"books,5\n'
        b"\n"
        b"c-1,2024-05-03,caf\xe9,5\n"
        b'c-1,2024-05-04,"books, old",55\n'
    )
    code, out, err = run("publish", "purchases", file, *MAP, *SET)
    *refused, summary = lines(out)
    assert code == 1
    assert err == ""
    assert [each["line"] for each in refused] == [3, 4, 5, 6, 7, 9]
    assert summary == {"topic": "purchases", "sent": 2, "refused": 6}
    assert "refund is a correction" in refused[0]["refused"]
    assert "send a correction" in refused[0]["what_to_do"]
    assert "2 decimals" in refused[1]["refused"]
    assert "3 columns and the header 4" in refused[3]["refused"]
    assert "not UTF-8" in refused[5]["refused"]
    first, last = sent.records
    assert (first["amount_minor"], first["occurred_at"]) == (1299, 1_714_521_600_000)
    assert last["category"] == "books, old"
    assert len(first["event_id"]) == 32


def test_ndjson_rows_are_refused_one_by_one(run, sent, tmp_path):
    file = tmp_path / "bought.ndjson"
    rows_ = [
        json.dumps(PURCHASE),
        json.dumps(PURCHASE | {"occurred_at": "2024-05-01T10:00:00"}),
        json.dumps(PURCHASE | {"currency": "USX"}),
        '{"event_id": ',
        "[1]",
        json.dumps(PURCHASE | {"colour": "red"}),
        "[" * 100_000,
        json.dumps(PURCHASE | {"category": "b" * 70_000}),
        '{"amount_minor": ' + "9" * 5000 + "}",
        json.dumps(PURCHASE | {"occurred_at": 1_714_557_600_000}),
    ]
    file.write_text("\n".join(rows_))
    code, out, _ = run("publish", "purchases", file)
    *refused, summary = lines(out)
    assert code == 1
    assert [each["line"] for each in refused] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert summary["sent"] == 2
    assert "zone" in refused[0]["refused"]
    assert "'colour'" in refused[4]["refused"]
    assert "at most 65,536 bytes" in refused[6]["refused"]


def test_a_file_without_a_bad_row_ends_with_0(run, sent, tmp_path):
    file = tmp_path / "x.jsonl"
    file.write_text(json.dumps(PURCHASE) + "\n")
    assert run("publish", "purchases", file, "--set", "source=other")[0] == 0
    assert sent.records[0]["source"] == "other"


class Gone(io.StringIO):
    """A pipe whose reader has left, as `| head` does."""

    def write(self, _):
        raise BrokenPipeError


def test_rows_go_out_also_when_nobody_reads_which_were_refused(run, sent, monkeypatch, tmp_path):
    file = tmp_path / "bought.ndjson"
    file.write_text("{}\n" + json.dumps(PURCHASE) + "\n")
    monkeypatch.setattr(sys, "stdout", Gone())
    code, _, err = run("publish", "purchases", file)
    assert (code, err, len(sent.records)) == (1, "", 1)


def test_time_goes_on_when_nobody_reads_of_it(run, sent, monkeypatch):
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr(sys, "stdout", Gone())
    code, _, err = run("tick", "--hourly")
    assert (code, err, slept) == (0, "", [3600] * 3)


def test_columns_that_are_not_there_are_a_usage_error(run, sent, tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("a;b\n1;2\n")
    code, _, err = run("publish", "purchases", file)
    assert code == 2
    assert "columns a, b" in err
    code, _, err = run("publish", "purchases", file, "--map", "citizen_id=c")
    assert code == 2
    assert "no column 'c'" in err
    file.write_bytes(b"event_id,source\rold,mac\r")
    code, _, err = run("publish", "purchases", file)
    assert code == 2
    assert "names of columns" in err


def test_an_amount_has_the_decimals_of_its_own_currency(run, sent, tmp_path):
    plain = {name: value for name, value in PURCHASE.items() if name != "amount_minor"}
    table = tmp_path / "x.csv"
    names, values = [*plain, "amount"], [*plain.values(), "500"]
    values[names.index("currency")] = " JPY"
    table.write_text(f"{','.join(names)}\n{','.join(values)}\n")
    file = tmp_path / "x.ndjson"
    rows_ = [plain | {"currency": "JPY", "amount": 500}, plain | {"amount": 5.0}]
    file.write_text("\n".join(map(json.dumps, rows_)))
    for arguments, amounts in (
        ([table], [500]),
        ([file], [500, 500]),
        ([file, "--set", "amount=500"], [500, 50_000]),
        ([file, "--set", "currency=JPY"], [500, 5]),
    ):
        assert run("publish", "purchases", *arguments)[0] == 0
        assert [each["amount_minor"] for each in sent.records] == amounts


def test_a_dot_reaches_only_into_a_field_that_has_fields(run, sent, tmp_path):
    file = tmp_path / "x.csv"
    header = [*PURCHASE, "category.name", "amount.gross"]
    file.write_text(",".join(header) + "\n" + ",".join([*map(str, PURCHASE.values()), "a", "b"]))
    assert run("publish", "purchases", file)[0] == 0
    assert sent.records[0]["category"] == "books"
    code, _, err = run("publish", "purchases", file, "--set", "category.name=a")
    assert code == 2
    assert "no field 'category.name'" in err


def test_a_broker_that_goes_away_is_told_with_how_far_it_came(run, sent, monkeypatch, tmp_path):
    monkeypatch.setattr(Sent, "fails_at", 2)
    file = tmp_path / "x.ndjson"
    file.write_text((json.dumps(PURCHASE) + "\n") * 5)
    code, _, err = run("publish", "purchases", file)
    assert code == 3
    assert "2 rows were handed over before line 3" in err
    assert "publish the whole file again" in err


def test_what_kafka_refuses_later_costs_no_other_row(monkeypatch):
    class Lossy(Sent):
        losses = 1

        def publish(self, topic, values, *, natural_key=False):
            if Lossy.losses and Sent.records:
                Lossy.losses -= 1
                raise BadData("1 record was not delivered: too large", where="brokers b:1")
            super().publish(topic, values, natural_key=natural_key)

    sender = publishing.Sender(Lossy(), "purchases", settings.load(), natural_key=False)
    values = fields.from_json("purchases", PURCHASE)
    for number in (1, 2, 3):
        sender.send(rows.Row(number, 10, dict(values)))
    sender.finish()
    assert (sender.summary.sent, sender.summary.refused, len(Sent.records)) == (2, 1, 3)


# ---- fields


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01", 0),
        ("1970-01-02T00:00:00.007Z", 86_400_007),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1714557600000", 1_714_557_600_000),
        ("19700102", 86_400_000),
        ("1969-12-31T23:59:59.999Z", -1),
    ],
)
def test_a_time_is_read_exactly(text, ms):
    assert fields.time(text) == ms


@pytest.mark.parametrize(
    "text", ["", "noon", "2024-13-01", "2024-05-01T10:00", "２０２４", "9" * 5000]
)
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(BadData):
        fields.time(text)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("12.99", "USD", 1299), ("5", "EUR", 500), ("500", "JPY", 500), ("1.234", "KWD", 1234)],
)
def test_an_amount_is_read_exactly(text, currency, minor):
    assert fields.minor(text, currency) == minor


@pytest.mark.parametrize("text", ["1,5", "1.999", "NaN", "inf", "", "1e-9", "1e99999", "1e999999"])
def test_an_amount_that_is_none_is_refused(text):
    with pytest.raises(BadData):
        fields.minor(text, "USD")


def test_texts_reach_into_fields_and_lists():
    dispute = fields.from_texts(
        "disputes", {"about.kind": "fines", "about.occurred_at": "2024-05-01", "statement": ""}
    )
    assert dispute == {"about": {"kind": "fines", "occurred_at": 1_714_521_600_000}}
    grants = '[{"scorecard": "everyday", "kinds": ["fines"], "covers_from": "2024-05-01"}]'
    consent = fields.from_texts("consents", {"grants": grants})
    assert consent["grants"][0]["covers_from"] == 1_714_521_600_000
    payment = fields.from_texts("payments", {"due_on": "1970-01-03", "paid_on": ""})
    assert payment == {"due_on": 2, "paid_on": None}


# ---- what is shown


def test_people_read_times_and_courses():
    assert show.when(0) == "1970-01-01T00:00:00Z"
    assert show.when(1_500) == "1970-01-01T00:00:01.500Z"
    assert show.when(10**18) == str(10**18)
    assert show.brief(60_000) == "1970-01-01T00:01Z"
    assert show.sparkline([]) == ""
    assert show.sparkline([600, 600]) == "▁▁"
    assert show.sparkline([350, 650, 950]) == "▁▄█"


def test_no_sender_commands_the_terminal():
    told = show.cell({"source": "caf\u00e9\x1b]0;title\x07", "ids": ["a\u202eb\nc"]})
    assert told == "source: café\\x1b]0;title\\x07\nids: a\\u202eb\\nc"


HARM = "\x1b[31m\x9b31m\u202e"


@pytest.mark.parametrize(
    "tell",
    [
        lambda: show.rows([{"source": f"{HARM}\\[/b][link=http://harm]"}], ("source",)),
        lambda: show.result({"source": f"{HARM}\\[/b][link=http://harm]"}),
        lambda: show.rows([], (), empty=f"{HARM} has nothing."),
        lambda: show.document({"source": HARM}),
        lambda: show.say(f"error: there is no {HARM}"),
        lambda: score._lay_out(EXPLAINED, in_words(EXPLAINED)),
    ],
    ids=["rows", "result", "empty", "document", "say", "explain"],
)
def test_a_terminal_shows_what_somebody_sent_and_does_nothing_of_it(tell, monkeypatch, capsys):
    monkeypatch.setattr(show, "on_terminal", lambda: True)
    tell()
    out, err = capsys.readouterr()
    assert r"\u202e" in out + err
    assert all(each.isprintable() for each in (out + err).replace("\n", ""))
    assert "\nYour score is 950" not in out


EXPLAINED = Explanation(
    scorecard="everyday",
    version=1,
    as_of=0,
    score=600,
    tier="plus",
    perks=(),
    base=600,
    parts=(),
    clamp=0,
    next_turn=0,
    next_tier=None,
    left_out=((EventRef("purchases", f"shop{HARM}\nYour score is 950", "e-1"), "it is too old."),),
)


# ---- scorecards


def test_a_typo_in_a_scorecard_is_named_by_its_line(run, tmp_path):
    page = tmp_path / "everyday.yaml"
    text = scorecards.example("everyday")
    page.write_text(text.replace("max_per_event: 50000", "max_per_evnt: 50000"))
    line = page.read_text().splitlines().index("    max_per_evnt: 50000") + 1
    code, out, err = run("scorecard", "validate", page)
    assert code == 1
    assert line in [each["line"] for each in lines(out)]
    assert any("perhaps max_per_event" in each["what"] for each in lines(out))
    assert "1 of 1 refused" in err


def test_every_page_is_judged(run, tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(scorecards.example("rider"))
    bad.write_text("id: [")
    code, out, _ = run("scorecard", "validate", bad, good)
    assert code == 1
    assert [(Path(each["file"]).name, each["valid"]) for each in lines(out)] == [
        ("bad.yaml", False),
        ("good.yaml", True),
    ]


# ---- schemas


def test_the_schemas_are_as_agreed(run):
    code, out, _ = run("schemas", "check")
    assert code == 0
    assert all(each["ok"] for each in lines(out))


def test_a_schema_that_changed_without_a_version_is_found(run, monkeypatch):
    monkeypatch.setattr("streams.schemas.fingerprint", lambda _: "other")
    code, out, err = run("schemas", "check")
    assert code == 1
    assert "no new version" in lines(out)[0]["problem"]
    assert "new version" in err


def test_a_registry_that_is_silent_is_told(run, monkeypatch):
    monkeypatch.setenv("PLAINSCORE_SCHEMA_REGISTRY_URL", "http://127.0.0.1:1")
    code, _, err = run("schemas", "check")
    assert code == 3
    assert "PLAINSCORE_SCHEMA_REGISTRY_URL" in err


# ---- dead letters


class Letters:
    """The topic dead-letters, and the latest consents, without Kafka."""

    letters: ClassVar[list] = []
    latest_: Record | None = None

    def __init__(self, _):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def partitions(self, _):
        return 1

    def read_all(self, _):
        return iter(self.letters)

    def read(self, _, __, start):
        return iter(self.letters[start:])

    def latest(self, *_):
        return self.latest_


def refused(
    reason, detail="", topic="purchases", timestamp=1_714_600_000_000, key=b"c-1", **changes
):
    value = None
    if topic == "purchases":
        value = encode(topic, shaped(topic, fields.from_json(topic, PURCHASE | changes)))
    record = Record(topic, 2, 40, timestamp, key, value)
    headers = dead_letters.headers_for(reason, detail, record)
    offset = len(Letters.letters)
    Letters.letters.append(Record("dead-letters", 0, offset, 0, key, value, tuple(headers)))


@pytest.fixture
def letters(monkeypatch):
    monkeypatch.setattr("streams.cli.records.Records", Letters)
    monkeypatch.setattr(Letters, "letters", [])
    monkeypatch.setattr(Letters, "latest_", None)
    return Letters


def test_dead_letters_are_counted_and_filtered(run, letters):
    refused("negative_amount", amount_minor=-5)
    refused("negative_amount", amount_minor=-6)
    refused("not_a_currency", currency="USX")
    code, out, _ = run("dlq", "ls")
    assert code == 0
    assert [(each["reason"], each["count"]) for each in lines(out)] == [
        ("negative_amount", 2),
        ("not_a_currency", 1),
    ]
    code, out, _ = run("dlq", "ls", "--each", "--reason", "not_a_currency")
    assert [each["letter"] for each in lines(out)] == ["0-2"]
    assert run("dlq", "ls", "--topic", "fines")[1] == ""
    code, _, err = run("dlq", "ls", "--reason", "negative")
    assert code == 2
    assert "negative_amount" in err


def test_a_dead_letter_hides_values_unless_asked(run, letters):
    refused("negative_amount", "amount_minor: 0 or more expected", amount_minor=-5)
    code, out, _ = run("dlq", "show", "0-0")
    assert code == 0
    assert "books" not in out
    assert "c-1" not in out
    (shown,) = lines(out)
    assert shown["detail"] == "amount_minor: 0 or more expected"
    assert "correction" in shown["what_to_do"]
    assert shown["fields"]["amount_minor"] == "•••"
    (shown,) = lines(run("dlq", "show", "0-0", "--values")[1])
    assert shown["key"] == "c-1"
    assert shown["fields"]["amount_minor"] == -5
    assert shown["fields"]["occurred_at"] == "2024-05-01T10:00:00Z"


@pytest.mark.parametrize(
    ("named", "code"), [("0-9", 1), ("7-0", 1), ("x", 2), ("0", 2), ("0-²", 2)]
)
def test_a_dead_letter_that_is_not_there_is_told(run, letters, named, code):
    assert run("dlq", "show", named)[0] == code


def test_replay_sends_nothing_unless_told(run, letters, monkeypatch):
    sent = []
    monkeypatch.setattr("streams.cli.resend.resend", lambda _, records: sent.extend(records))
    refused("misplaced")
    refused("negative_amount", amount_minor=-5)
    code, out, err = run("dlq", "replay")
    assert code == 1
    assert [each["replay"] for each in lines(out)] == [
        "would be sent",
        "refused again: negative_amount",
    ]
    assert "Nothing was sent" in err
    assert sent == []
    code, out, err = run("dlq", "replay", "0-0", "--yes")
    assert code == 0
    assert [(each.topic, each.partition, each.timestamp) for each in sent] == [
        ("purchases", 2, 1_714_600_000_000)
    ]


def test_a_replay_says_sent_of_what_was_sent_alone(run, letters, monkeypatch):
    def unreachable(*_):
        raise Unreachable("No Kafka broker answers", where="brokers b:1", next_step="Start it.")

    refused("misplaced")
    monkeypatch.setattr("streams.cli.resend.resend", unreachable)
    code, out, err = run("dlq", "replay", "--yes")
    assert (code, out) == (3, "")
    assert "No Kafka broker answers" in err
    sent = []
    monkeypatch.setattr("streams.cli.resend.resend", lambda _, records: sent.extend(records))
    monkeypatch.setattr(sys, "stdout", Gone())
    run("dlq", "replay", "--yes")
    assert len(sent) == 1


def test_replay_never_undoes_a_newer_consent(run, letters, monkeypatch):
    refused("covers_from_ahead", topic="consents", timestamp=1000)
    monkeypatch.setattr(Letters, "latest_", Record("consents", 0, 9, 2000, b"c-1", b"x"))
    code, out, _ = run("dlq", "replay")
    assert code == 1
    assert "a newer one is in force" in lines(out)[0]["replay"]
    monkeypatch.setattr(Letters, "latest_", Record("consents", 0, 9, 999, b"c-1", b"x"))
    assert run("dlq", "replay")[0] == 0


def test_a_replay_to_an_unknown_topic_is_refused(run, letters):
    refused("bad_id", topic="elsewhere")
    code, out, _ = run("dlq", "replay")
    assert code == 1
    assert "does not say which topic" in lines(out)[0]["replay"]


def test_a_tombstone_that_names_nobody_is_not_replayed(run, letters):
    refused("null_value", topic="shares", key=b"\xff")
    code, out, _ = run("dlq", "replay")
    assert code == 1
    assert lines(out)[0]["replay"] == "refused again: null_value"


# ---- doctor


def test_a_consent_is_never_widened_in_silence():
    """Of several dates none is the one to keep."""
    grants = [
        {"scorecard": "everyday", "kinds": [kind], "covers_from": fields.moment(day, "")}
        for kind, day in (("payments", "2020-01-01"), ("purchases", "2024-01-01"))
    ]
    kept = rights._grant("everyday:purchases", grants[1:])
    assert kept == grants[1]
    with pytest.raises(BadUsage, match="granted from several dates"):
        rights._grant("everyday:purchases,payments", grants)
    told = rights._grant("everyday:purchases,payments:2024-01-01", grants)
    assert told["covers_from"] == grants[1]["covers_from"]


def test_an_export_holds_nothing_of_another_citizen():
    """A record may come under one's key and tell of somebody else."""
    fine = {"event_id": "f", "occurred_at": 1_700_000_000_000, "source": "city"}
    fine |= {"offence": "speeding", "severity": "minor", "amount_minor": 1, "currency": "USD"}
    names = ("ann", "bob-who-is-another")
    values = [encode("fines", {**fine, "citizen_id": name}) for name in names]
    inputs = [Record("fines", 0, n, 0, b"ann", value) for n, value in enumerate(values)]
    letters = [
        replace(
            refused,
            topic="dead-letters",
            headers=tuple(dead_letters.headers_for("key_mismatch", "", refused)),
        )
        for refused in inputs
    ]

    class Records:
        def partitions(self, topic):
            return 1

        def read(self, topic, partition):
            return inputs if topic == "fines" else letters

    for topic in ("fines", "dead-letters"):
        own, another = held._of(Records(), topic, "ann")
        assert "ann" in str(own["value"]) or values[0].hex() in str(own["value"])
        assert "bob" not in str(another)
        assert b"bob".hex() not in str(another)


def test_doctor_goes_on_after_what_is_wrong(run, monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("PLAINSCORE_BROKERS", "127.0.0.1:1")
    monkeypatch.setenv("PLAINSCORE_STATE_DIR", str(file / "state"))
    monkeypatch.setenv("PLAINSCORE_PARTITION", "3")
    code, out, _ = run("doctor")
    found = {each["check"]: each for each in lines(out)}
    assert code == 3
    assert not found["state folder"]["ok"]
    assert "PLAINSCORE_STATE_DIR" in found["state folder"]["next"]
    assert "PLAINSCORE_PARTITIONS" in found["settings"]["found"]
    assert found["schemas"]["ok"]
    assert "as sources" in found["scoring"]["found"]
    assert not found["broker"]["ok"]
    assert all(each["next"] for each in found.values() if not each["ok"])


def test_doctor_tells_another_program_on_the_port(run, monkeypatch):
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        Thread(target=other.handle_request, daemon=True).start()
        monkeypatch.setenv("PLAINSCORE_METRICS_PORT", str(other.server_port))
        monkeypatch.setenv("PLAINSCORE_BROKERS", "127.0.0.1:1")
        found = {each["check"]: each for each in lines(run("doctor")[1])}
    assert found["worker's port"]["ok"] is False
    assert "another program" in found["worker's port"]["found"]
    assert "PLAINSCORE_METRICS_PORT" in found["worker's port"]["next"]


def test_usage_errors_come_from_the_tree():
    assert BadUsage("x").exit_code == 2
