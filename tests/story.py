"""Stories: text files that say what goes in, row by row, and what must come of it.

`tests/stories/README.txt` is the page for whoever writes one. A word that no row knows is an
error that names file and line. Rows that begin with `>` are expected; all others happen, in their
order. What a story does not tell must not happen: dead letters, what audiences see and what was
dropped must be told in full, and changes too once one of them is told.
"""

import json
import re
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

from streams.codec import decode, encode, pack
from streams.dead_letters import KEPT, MESSAGE, REASON, REASONS, TOPIC
from streams.marks import ANSWERS, HEARTBEAT, MOVED, RECEIPT
from streams.published import Published
from streams.record import Record
from streams.scorecards import example, read
from streams.scoring.citizen import AccountKey
from streams.scoring.ledger import DAY
from streams.scoring.recount import Recount, recount
from streams.scoring.scorecard import Scorecard
from streams.state import PARTITION_KEY, read_partition
from streams.topics import KINDS, partition_of
from tests.memory import Lane

FOLDER = Path(__file__).parent / "stories"
AUDIENCES = ("bikes", "bank")
EPOCH = date(1970, 1, 1)

ONE_OF_A_KIND = {"purchase": "purchases", "fine": "fines", "payment": "payments"}


class Unreadable(Exception):
    """A story that cannot be read, with its file and line."""


class Differs(AssertionError):
    """What happened is not what the story tells, with its file and line."""


@dataclass(frozen=True)
class Row:
    """One line of a story: its number, whether it is expected, its words, and what is in [ ]."""

    line: int
    expected: bool
    joined: bool  # `+`: arrives in one batch with the row before
    words: tuple[str, ...]
    marks: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Story:
    """A story as it was read."""

    name: str
    title: str
    covers: tuple[str, ...]
    scorecards: tuple[str, ...]
    partitions: int
    rows: tuple[Row, ...]


# ---- reading


def stories() -> list[Path]:
    """Give every story's file."""
    return sorted(FOLDER.glob("*.story"))


def read_story(name: str, text: str) -> Story:
    """Read a story: a title, then headers up to an empty line, then rows."""
    lines = text.splitlines()
    title = lines[0].strip() if lines else ""
    if not title.endswith("."):
        raise Unreadable(f"{name}:1: a story begins with a sentence, and its full stop")
    heads: dict[str, tuple[str, ...]] = {}
    at = 1
    while at < len(lines) and lines[at].strip():
        word, colon, rest = lines[at].partition(":")
        if not colon or word not in ("covers", "scorecards", "partitions") or word in heads:
            raise Unreadable(f"{name}:{at + 1}: covers, scorecards or partitions expected, once")
        heads[word] = tuple(rest.replace(",", " ").split())
        at += 1
    for word in ("covers", "scorecards"):
        if not heads.get(word):
            raise Unreadable(f"{name}:{at}: {word} is missing")
    rows = []
    for number, line in enumerate(lines[at:], at + 1):
        row = _row(name, number, line)
        if row is not None:
            rows.append(row)
    return Story(
        name,
        title,
        heads["covers"],
        heads["scorecards"],
        int(heads.get("partitions", ("1",))[0]),
        tuple(rows),
    )


def _row(name: str, number: int, line: str) -> Row | None:
    try:
        words = shlex.split(line, comments=True)
    except ValueError as error:
        raise Unreadable(f"{name}:{number}: {error}") from error
    if not words:
        return None
    expected, joined = words[0] == ">", words[0] == "+"
    words = words[1:] if expected or joined else words
    marks = []
    while words and words[-1].endswith("]"):
        opened = max((i for i, word in enumerate(words) if word.startswith("[")), default=None)
        if opened is None:
            raise Unreadable(f"{name}:{number}: a ] without its [")
        mark = " ".join(words[opened:])[1:-1].split()
        if not mark:
            raise Unreadable(f"{name}:{number}: nothing stands between [ and ]")
        marks.insert(0, tuple(mark))
        words = words[:opened]
    if not words or (expected and marks):
        raise Unreadable(f"{name}:{number}: a row begins with a word, and > takes no [ ]")
    return Row(number, expected, joined, tuple(words), tuple(marks))


def time_of(text: str) -> int:
    """Read a date, or a date and a time in UTC, as ms."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def told(time: int) -> str:
    """Write ms as a story does."""
    text = datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00").removesuffix(".000").removesuffix("T00:00:00")


@cache
def people() -> dict[str, str]:
    """Give the id of everybody in people.txt, whose periods begin on the day that stands there."""
    found = {}
    for line in (FOLDER / "people.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, citizen_id, day = line.split()
            begins = next_turn(citizen_id, time_of(day) - 1, 30 * DAY)
            assert begins < time_of(day) + 300_000, f"{name}: periods do not begin on {day}"
            found[name] = citizen_id
    return found


@cache
def scorecard(name: str) -> Scorecard:
    """Give a published example by its name, or one of the stories' own by its file's name."""
    if name in ("everyday", "rider"):
        return read(example(name))
    return read((FOLDER / "scorecards" / f"{name}.yaml").read_text(encoding="utf-8"))


def id_of(topic: str, change: dict[str, Any]) -> str:
    """Work out the id of a change: a hash of what Avro makes of it with an empty one."""
    unnamed = encode(topic, {**change, "change_id": ""})
    header, empty = 5, 1  # bytes
    return blake2b(unnamed[header + empty :], digest_size=16).hexdigest()


def next_turn(citizen_id: str, after: int, period: int) -> int:
    """Give the first begin of a period after a time; all in ms."""
    shift = int.from_bytes(sha256(citizen_id.encode()).digest()[:8], "big") % period
    return after - (after - shift) % period + period


class Words:
    """The words of a row, taken one after the other; whatever does not fit is an error."""

    def __init__(self, story: str, row: Row) -> None:
        self.place = f"{story}:{row.line}"
        self.left = list(row.words)

    def wrong(self, what: str) -> Unreadable:
        return Unreadable(f"{self.place}: {what}")

    def word(self, what: str, among: Any = None) -> str:
        if not self.left:
            raise self.wrong(f"{what} is missing")
        word = re.sub(r"^(.)\*([0-9]+)$", lambda m: m[1] * int(m[2]), self.left.pop(0))
        if among is not None and word not in among:
            raise self.wrong(f"{word!r} is no {what}: {', '.join(among)}")
        return word

    def number(self, what: str) -> int:
        word = self.word(what)
        if not re.fullmatch(r"-?[0-9]+", word):
            raise self.wrong(f"{word!r} is no {what}")
        return int(word)

    def date(self, what: str) -> int:
        word = self.word(what)
        try:
            return time_of(word)
        except ValueError as error:
            raise self.wrong(f"{word!r} is no {what}: 2025-03-01 or 2025-03-01T10:00") from error

    def day(self, what: str) -> int:
        word = self.word(what)
        try:
            return (date.fromisoformat(word) - EPOCH).days
        except ValueError as error:
            raise self.wrong(f"{word!r} is no {what}") from error

    def money(self, what: str) -> int:
        word = self.word(what)
        try:
            return int(Decimal(word).scaleb(2).to_integral_exact())
        except InvalidOperation as error:
            raise self.wrong(f"{word!r} is no {what}") from error

    def person(self) -> str:
        word = self.word("person")
        if word and word not in people():
            raise self.wrong(f"{word!r} is nobody in people.txt")
        return people()[word] if word else ""

    def comes(self, *among: str) -> bool:
        """Take the next word if it is this one."""
        if self.left and self.left[0] in among:
            self.left.pop(0)
            return True
        return False

    def say(self, *words: str) -> None:
        for word in words:
            if not self.comes(word):
                raise self.wrong(f"{word!r} expected, not {' '.join(self.left[:1]) or 'the end'!r}")

    def end(self) -> None:
        if self.left:
            raise self.wrong(f"nothing more expected, not {' '.join(self.left)!r}")


# ---- running


def run(story: Story, restart_each: bool = False) -> None:
    """Let a story happen; Differs where it is not as told."""
    told_story = _Telling(story)
    told_story.go(restart_each)


def results(story: Story) -> dict[tuple[str, str], Recount]:
    """Let a story happen, and give the recount of every scored citizen and scorecard at its end."""
    telling = _Telling(story)
    telling.go(False)
    return telling.recounts()


class _Telling:
    def __init__(self, story: Story) -> None:
        self.story = story
        self.published = Published()
        self.lane = Lane(self.published, story.partitions, AUDIENCES)
        for name in story.scorecards:
            self.publish(name)
        self.batch: list[Record] = []
        self.unread: dict[str, int] = {}  # of each output topic: how far it was told
        self.told_dropped: Counter[tuple[str, str, str]] = Counter()
        self.changes_told = False
        self.sent = 0

    def publish(self, name: str) -> None:
        self.published.add(scorecard(name))

    def go(self, restart_each: bool) -> None:
        for row in self.story.rows:
            words = Words(self.story.name, row)
            if row.expected:
                self.flush(restart_each)
                what = words.word("expectation", _EXPECTED)
                _EXPECTED[what](self, words)
                words.end()
                continue
            if not row.joined:
                self.flush(restart_each)
            what = words.word("record", _HAPPENS)
            self.batch += _HAPPENS[what](self, words, row)
            words.end()
        self.flush(restart_each)
        self.check_end()

    def flush(self, restart_each: bool) -> None:
        if self.batch:
            self.sent += len(self.batch)
            self.lane.run(self.batch)
            self.batch = []
            if restart_each:
                self.lane.restart()

    # ---- what happened, read back

    def produced(self, topic: str) -> list[Record]:
        return [record for record in self.lane.out if record.topic == topic]

    def take(self, words: Words, topic: str) -> Record:
        records = self.produced(topic)
        at = self.unread.get(topic, 0)
        if at >= len(records):
            raise Differs(f"{words.place}: nothing more stands in {topic}")
        self.unread[topic] = at + 1
        return records[at]

    def check(self, words: Words, what: str, happened: Any, expected: Any) -> None:
        if happened != expected:
            raise Differs(f"{words.place}: {what} is {happened}, and {expected} was told")

    def latest(self, citizen_id: str, scorecard: str) -> dict[str, Any] | None:
        key = pack(citizen_id, scorecard)
        found = [record for record in self.produced("scores") if record.key == key]
        return None if not found or found[-1].value is None else decode("scores", found[-1].value)

    def as_of(self, citizen_id: str) -> int:
        citizen = self.lane.citizen(citizen_id)
        assert citizen is not None
        partition = partition_of(citizen_id, self.story.partitions)
        tick = read_partition(self.lane.citizens[partition].get(PARTITION_KEY)).tick
        return max(citizen.as_of, tick or 0)

    def recount(self, citizen_id: str, scorecard_id: str) -> Recount:
        citizen = self.lane.citizen(citizen_id)
        assert citizen is not None
        as_of = self.as_of(citizen_id)
        scorecard = self.published.in_force(scorecard_id, as_of)
        assert scorecard is not None
        ledger = self.lane.ledger_of(citizen_id)
        return recount(citizen_id, ledger, citizen.grants, as_of, scorecard)

    def recounts(self) -> dict[tuple[str, str], Recount]:
        found = {}
        for citizen_id in people().values():
            citizen = self.lane.citizen(citizen_id)
            for key in citizen.accounts if citizen else ():
                if not key.shadow:
                    found[citizen_id, key.scorecard] = self.recount(citizen_id, key.scorecard)
        return found

    # ---- what must hold at the end of every story

    def check_end(self) -> None:
        name = self.story.name
        left = self.produced("dead-letters")[self.unread.get("dead-letters", 0) :]
        if left:
            reasons = [dict(record.headers)[REASON].decode() for record in left]
            raise Differs(f"{name}: dead letters that are not told: {', '.join(reasons)}")
        for audience in AUDIENCES:
            topic = f"score-changes.{audience}"
            left = self.produced(topic)[self.unread.get(topic, 0) :]
            if left:
                values = [decode(topic, record.value) for record in left]
                raise Differs(f"{name}: {audience} saw what is not told: {values}")
        dropped = {
            key: count
            for key, count in self.lane.counts.items()
            if key[1] in ("dropped", "forwarded")
        }
        if dropped != dict(self.told_dropped):
            raise Differs(
                f"{name}: dropped or forwarded: {dropped}, and this was told last: "
                f"{dict(self.told_dropped)}"
            )
        for topic in ("score-changes", "score-changes.shadow"):
            read_so_far = self.unread.get(topic, 0)
            if read_so_far and read_so_far < len(self.produced(topic)):
                left = [decode(topic, r.value) for r in self.produced(topic)[read_so_far:]]
                raise Differs(f"{name}: changes that are not told: {left}")
        self.check_changes()
        for (citizen_id, scorecard), scratch in self.recounts().items():
            latest = self.latest(citizen_id, scorecard)
            if latest is None:
                raise Differs(f"{name}: {citizen_id} has no score by {scorecard}")
            published = (latest["score"], latest["tier"], tuple(latest["perks"]))
            if published != scratch[:3]:
                raise Differs(
                    f"{name}: {citizen_id}: {published} by {scorecard}, recount {scratch}"
                )

    def check_changes(self) -> None:
        """Every change carries points that add up, and follows the one before it."""
        for topic in ("score-changes", "score-changes.shadow"):
            last: dict[Any, dict[str, Any]] = {}
            for change in self.lane.values(topic):
                person = change["citizen_id"], change["scorecard"], change["since"]
                points = {c["characteristic"]: c["points"] for c in change["contributions"]}
                before = {
                    c["characteristic"]: c["previous_points"] for c in change["contributions"]
                }
                place = f"{self.story.name}: change {change['sequence']} of {person}"
                if change["change_id"] != id_of(topic, change):
                    raise Differs(f"{place}: its id is not made of all that it says")
                if sum(points.values()) != change["score"]:
                    raise Differs(f"{place}: its points do not add up to {change['score']}")
                if sum(before.values()) != (change["previous_score"] or 0):
                    raise Differs(f"{place}: its previous points do not add up")
                if next(iter(points)) != "base" or list(points)[-1] != "clamp":
                    raise Differs(f"{place}: base does not stand first, or clamp last")
                previous = last.get(person)
                if change["sequence"] != (previous["sequence"] if previous else 0) + 1:
                    raise Differs(f"{place}: does not follow the one before")
                if previous is not None and change["previous_score"] is not None:
                    carried = {
                        c["characteristic"]: c["points"]
                        for c in previous["contributions"]
                        if c["points"]
                    }
                    if carried != {name: p for name, p in before.items() if p}:
                        raise Differs(f"{place}: does not begin where the one before ended")
                last[person] = change

    # ---- records

    def make(
        self,
        words: Words,
        row: Row,
        topic: str,
        values: dict[str, Any] | None,
        citizen_id: str,
        sent: int,
        headers: list[tuple[str, bytes | None]],
    ) -> list[Record]:
        """Make the record, marked as the row says."""
        key: bytes | None = citizen_id.encode()
        damage: list[tuple[str, ...]] = []
        partition = None
        for mark in row.marks:
            match mark:
                case ("sent", when):
                    sent = time_of(when)
                case ("key", whose):
                    key = people().get(whose, whose).encode()
                case ("no", "key"):
                    key = None
                case ("elsewhere",):
                    right = partition_of(citizen_id, self.story.partitions)
                    partition = (right + 1) % self.story.partitions
                case ("moved",):
                    headers = [*headers, (MOVED, b"1")]
                case ("receipt", receipt_id):
                    headers = [*headers, (RECEIPT, receipt_id.encode())]
                case ("no", "value") | ("cut" | "magic" | "schema" | "append" | "big", _):
                    damage.append(mark)
                case ("json",):
                    damage.append(mark)
                case _:
                    raise words.wrong(f"unknown mark [{' '.join(mark)}]")
        if partition is None and key is None and citizen_id:
            partition = partition_of(citizen_id, self.story.partitions)
        record = self.lane.record(
            topic, values, key=key, timestamp=sent, headers=headers, partition=partition
        )
        if key is None:
            record = replace(record, key=None)
        for mark in damage:
            record = replace(record, value=_damaged(record.value or b"", mark, values))
        return [record]

    def consent(self, words: Words, row: Row) -> list[Record]:
        citizen_id, time = words.person(), words.date("date")
        grants = []
        while not (not grants and words.comes("nothing")):
            scorecard = words.word("scorecard")
            kinds = []
            while not words.comes("from"):
                kinds.append(words.word("kind", KINDS))
            covers_from = words.date("date")
            grants.append({"scorecard": scorecard, "kinds": kinds, "covers_from": covers_from})
            if not words.comes("and"):
                break
        values = {"citizen_id": citizen_id, "occurred_at": time, "grants": grants}
        return self.make(words, row, "consents", values, citizen_id, time, [])

    def share(self, words: Words, row: Row) -> list[Record]:
        citizen_id, time = words.person(), words.date("date")
        shares = []
        while not (not shares and words.comes("nothing")):
            audience = words.word("audience")
            reveals = []
            while not words.comes("until"):
                reveals.append(words.word("thing to show", ("tier", "score")))
            until = words.date("date")
            shares.append({"audience": audience, "reveals": reveals, "until": until})
            if not words.comes("and"):
                break
        values = {"citizen_id": citizen_id, "occurred_at": time, "shares": shares}
        return self.make(words, row, "shares", values, citizen_id, time, [])

    def withdraw(self, words: Words, row: Row) -> list[Record]:
        citizen_id, time = words.person(), words.date("date")
        return self.make(words, row, "consents", None, citizen_id, time, [])

    def unshare(self, words: Words, row: Row) -> list[Record]:
        citizen_id, time = words.person(), words.date("date")
        return self.make(words, row, "shares", None, citizen_id, time, [])

    def event(self, words: Words, row: Row, topic: str) -> list[Record]:
        citizen_id, time = words.person(), words.date("date")
        values: dict[str, Any] = {
            "citizen_id": citizen_id,
            "occurred_at": time,
            "source": words.word("source"),
            "event_id": words.word("event's id"),
        }
        if topic == "purchases":
            values["category"] = words.word("category")
        elif topic == "fines":
            values["offence"] = words.word("offence")
            values["severity"] = words.word("severity", ("minor", "moderate", "severe"))
        else:
            values["obligation"] = words.word("obligation")
        values["amount_minor"] = words.money("amount")
        values["currency"] = words.word("currency")
        if topic == "purchases" and words.comes("x"):
            values["quantity"] = words.number("quantity")
        if topic == "payments":
            words.say("due")
            values["due_on"] = words.day("day")
            missed = words.comes("missed")
            if not missed:
                words.say("paid")
            values["paid_on"] = None if missed else words.day("day")
        return self.make(words, row, topic, values, citizen_id, time, [])

    def about(self, words: Words) -> dict[str, Any]:
        kind = words.word("kind")
        return {
            "kind": ONE_OF_A_KIND.get(kind, kind),
            "source": words.word("source"),
            "event_id": words.word("event's id"),
            "occurred_at": words.date("event's time"),
        }

    def dispute(self, words: Words, row: Row) -> list[Record]:
        citizen_id, time = words.person(), words.date("date")
        values = {
            "citizen_id": citizen_id,
            "occurred_at": time,
            "dispute_id": words.word("dispute's id"),
            "action": words.word("step", ("open", "withdraw", "uphold", "reject")),
            "about": self.about(words),
            "statement": "",
        }
        if words.comes("saying"):
            values["statement"] = words.word("statement")
        return self.make(words, row, "disputes", values, citizen_id, time, [])

    def correct(self, words: Words, row: Row) -> list[Record]:
        citizen_id, time = words.person(), words.date("date")
        values: dict[str, Any] = {
            "citizen_id": citizen_id,
            "occurred_at": time,
            "correction_id": words.word("correction's id"),
            "source": words.word("source"),
            "action": words.word("action", ("replace", "retract")),
            "about": self.about(words),
        }
        while words.left:
            field = words.word("field", _REPLACED)
            values[_REPLACED[field][0]] = _REPLACED[field][1](words, field)
        return self.make(words, row, "corrections", values, citizen_id, time, [])

    def tick(self, words: Words, row: Row) -> list[Record]:
        time = words.date("date")
        made: list[Record] = []
        for partition in range(self.story.partitions):
            (record,) = self.make(words, row, "ticks", {"occurred_at": time}, "", time, [])
            made.append(replace(record, key=None, partition=partition))
        return made

    def publishes(self, words: Words, row: Row) -> list[Record]:
        self.publish(words.word("scorecard's file"))
        return []

    def restarts(self, words: Words, row: Row) -> list[Record]:
        self.lane.restart()
        return []

    # ---- expectations

    def expect_score(self, words: Words) -> None:
        citizen_id, scorecard = words.person(), words.word("scorecard")
        score, tier = words.number("score"), words.word("tier")
        latest = self.latest(citizen_id, scorecard)
        if latest is None:
            raise Differs(f"{words.place}: there is no score")
        self.check(words, "the score", (latest["score"], latest["tier"]), (score, tier))
        scratch = self.recount(citizen_id, scorecard)
        self.check(words, "the recount", (scratch.score, scratch.tier), (score, tier))

    def expect_points(self, words: Words) -> None:
        citizen_id, scorecard = words.person(), words.word("scorecard")
        expected = {}
        while words.left:
            name = words.word("characteristic")
            expected[name] = words.number("points")
        scratch = self.recount(citizen_id, scorecard).contributions
        changes = [
            change
            for change in self.lane.values("score-changes")
            if (change["citizen_id"], change["scorecard"]) == (citizen_id, scorecard)
        ]
        carried = {c["characteristic"]: c["points"] for c in changes[-1]["contributions"]}
        for what, points in (("the change's last", carried), ("the recount's", scratch)):
            stand = {name: p for name, p in points.items() if p}
            self.check(words, f"{what} points", stand, expected)

    def expect_perks(self, words: Words) -> None:
        citizen_id, scorecard = words.person(), words.word("scorecard")
        expected = [] if words.comes("none") else words.left[:]
        words.left = []
        latest = self.latest(citizen_id, scorecard)
        self.check(words, "perks", latest and latest["perks"], expected)
        self.check(words, "recount", list(self.recount(citizen_id, scorecard).perks), expected)

    def expect_as_of(self, words: Words) -> None:
        citizen_id, time = words.person(), words.date("date")
        self.check(words, "as of", told(self.as_of(citizen_id)), told(time))

    def expect_turns(self, words: Words) -> None:
        """The day on which the citizen's period of 30 days turns next."""
        citizen_id, day = words.person(), words.date("date")
        turn = next_turn(citizen_id, self.as_of(citizen_id), 30 * DAY)
        self.check(words, "the next turn", told(turn - turn % DAY), told(day))

    def expect_change(self, words: Words, topic: str = "score-changes") -> None:
        expected = {
            "citizen_id": words.person(),
            "scorecard": words.word("scorecard"),
            "sequence": words.number("sequence"),
            "previous_score": None if words.comes("none") else words.number("previous score"),
        }
        words.say("->")
        expected["score"] = words.number("score")
        expected["tier"] = words.word("tier")
        words.say("by")
        expected["cause"] = {"kind": words.word("cause"), "id": words.word("its id")}
        change = decode(topic, self.take(words, topic).value)
        if words.comes("as-of"):
            expected["as_of"] = words.date("date")
        if words.comes("since"):
            expected["since"] = words.date("date")
        if words.comes("version"):
            expected["version"] = words.number("version")
        if words.comes("reasons"):
            expected["reasons"] = [] if words.comes("none") else words.left[:]
            words.left = []
        self.check(words, "the change", {name: change[name] for name in expected}, expected)
        self.last_change = change

    def expect_shadow(self, words: Words) -> None:
        self.expect_change(words, "score-changes.shadow")

    def expect_moved(self, words: Words) -> None:
        """Every characteristic whose points the change told last has moved."""
        expected = []
        while words.left:
            name = words.word("characteristic")
            before = words.number("points before")
            words.say("->")
            expected.append((name, before, words.number("points")))
        moved = [
            (c["characteristic"], c["previous_points"], c["points"])
            for c in self.last_change["contributions"]
            if c["previous_points"] != c["points"]
        ]
        self.check(words, "what moved", moved, expected)

    def expect_changes(self, words: Words) -> None:
        citizen_id, number = words.person(), words.number("number of changes")
        changes = [c for c in self.lane.values("score-changes") if c["citizen_id"] == citizen_id]
        self.check(words, "the number of changes", len(changes), number)

    def expect_ledger(self, words: Words) -> None:
        citizen_id, number = words.person(), words.number("number of entries")
        self.check(words, "the ledger", len(self.lane.ledger_of(citizen_id)), number)

    def expect_statement(self, words: Words) -> None:
        """What the ledger still holds of a citizen's own words in disputes."""
        citizen_id = words.person()
        expected = [] if words.comes("none") else words.left[:]
        words.left = []
        held = [
            step.statement
            for entry in self.lane.ledger_of(citizen_id).values()
            for step in entry.disputes.values()
            if step.statement
        ]
        self.check(words, "statements", sorted(held), sorted(expected))

    def expect_dead(self, words: Words) -> None:
        topic, reason = words.word("topic"), words.word("reason", REASONS)
        kept = words.word("word", ("kept", "not-kept")) if words.left else None
        record = self.take(words, "dead-letters")
        headers = dict(record.headers)
        happened = (headers[TOPIC].decode(), headers[REASON].decode())
        self.check(words, "the dead letter", happened, (topic, reason))
        assert headers[MESSAGE]
        word = {None: None, b"true": "kept", b"false": "not-kept"}[headers.get(KEPT)]
        self.check(words, "the content", word, kept)

    def expect_dead_letters(self, words: Words) -> None:
        number = words.number("number of dead letters")
        self.check(words, "dead letters", len(self.produced("dead-letters")), number)

    def expect_dropped(self, words: Words) -> None:
        key = words.word("topic"), "dropped", words.word("reason")
        number = words.number("number of records")
        self.told_dropped[key] = number
        self.check(words, f"dropped {key[2]}", self.lane.counts[key], number)

    def expect_forwarded(self, words: Words) -> None:
        key = words.word("topic"), "forwarded", ""
        number = words.number("number of records")
        self.told_dropped[key] = number
        self.check(words, "forwarded", self.lane.counts[key], number)

    def expect_heartbeats(self, words: Words) -> None:
        topic, number = words.word("topic"), words.number("number")
        beats = [r for r in self.produced(topic) if r.key == HEARTBEAT and r.value is None]
        self.check(words, "heartbeats", len(beats), number)

    def expect_receipt(self, words: Words) -> None:
        expected: dict[str, Any] = {"receipt_id": words.word("receipt's id")}
        words.say("scorecards")
        scorecards = words.number("number")
        words.say("entries")
        entries = words.number("number")
        words.say("shares")
        expected["erased"] = {
            "scorecards": scorecards,
            "entries": entries,
            "shares": words.number("number"),
        }
        words.say("withdrawn")
        expected["withdrawn_at"] = words.date("date")
        receipt = decode("receipts", self.take(words, "receipts").value)
        self.check(words, "the receipt", {name: receipt[name] for name in expected}, expected)
        if receipt["erased_by"] < receipt["withdrawn_at"]:
            raise Differs(f"{words.place}: it does not say by when the last copy is gone")

    def expect_sees(self, words: Words) -> None:
        topic = f"score-changes.{words.word('audience', AUDIENCES)}"
        expected: dict[str, Any] = {
            "citizen_id": words.person(),
            "scorecard": words.word("scorecard"),
            "tier": None,
            "score": None,
        }
        if words.comes("tier"):
            expected["tier"] = words.word("tier")
        if words.comes("score"):
            expected["score"] = words.number("score")
        expected["ended"] = words.comes("ended")
        self.check(words, "what was seen", decode(topic, self.take(words, topic).value), expected)

    def expect_sees_so_far(self, words: Words) -> None:
        """The number of records that an audience has been shown."""
        topic = f"score-changes.{words.word('audience', AUDIENCES)}"
        self.check(words, "records seen", len(self.produced(topic)), words.number("number"))

    def expect_gone(self, words: Words) -> None:
        """A score that was there is erased downstream, and no account is kept."""
        citizen_id, scorecard = words.person(), words.word("scorecard")
        key = pack(citizen_id, scorecard)
        scores = [record for record in self.produced("scores") if record.key == key]
        self.check(words, "the latest score", scores[-1].value if scores else "none", None)
        citizen = self.lane.citizen(citizen_id)
        held = citizen is not None and AccountKey(scorecard, False) in citizen.accounts
        self.check(words, "an account", held, False)

    def expect_unscored(self, words: Words) -> None:
        """There never was a score."""
        key = pack(words.person(), words.word("scorecard"))
        scored = any(record.key == key for record in self.produced("scores"))
        self.check(words, "a score", scored, False)

    def expect_forgotten(self, words: Words) -> None:
        """No table holds a byte of the citizen's id."""
        citizen_id = words.person().encode()
        held = [
            key
            for view in (*self.lane.citizens, *self.lane.ledger)
            for key, value in view.rows.items()
            if citizen_id in key or citizen_id in value
        ]
        self.check(words, "rows that hold the id", held, [])

    def expect_untraced(self, words: Words) -> None:
        """No table and nothing that went out holds a byte of the citizen's id."""
        rest = list(words.left)
        self.expect_forgotten(words)
        citizen_id = people()[rest[0]].encode()
        held = [
            record.topic
            for record in self.lane.out
            if citizen_id in (record.key or b"") or citizen_id in (record.value or b"")
        ]
        self.check(words, "outputs that hold the id", held, [])

    def expect_rewritten(self, words: Words) -> None:
        """How often a worker wrote what is in force again, and what its last word was."""
        topic = words.word("topic", ("consents", "shares"))
        citizen_id, number = words.person(), words.number("number of times")
        last = words.word("last word", ("standing", "withdrawn"))
        answers = [
            record
            for record in self.produced(topic)
            if record.key == citizen_id.encode() and any(n == ANSWERS for n, _ in record.headers)
        ]
        self.check(words, "times written", len(answers), number)
        self.check(words, "the last word", "standing" if answers[-1].value else "withdrawn", last)
        if last == "standing":
            citizen = self.lane.citizen(citizen_id)
            values = decode(topic, answers[-1].value)
            assert citizen is not None
            if topic == "consents":
                held = [{**grant._asdict(), "kinds": list(grant.kinds)} for grant in citizen.grants]
                self.check(words, "what stands", values["grants"], held)


_REPLACED: dict[str, tuple[str, Callable[[Words, str], Any]]] = {
    "category": ("category", Words.word),
    "amount": ("amount_minor", Words.money),
    "currency": ("currency", Words.word),
    "quantity": ("quantity", Words.number),
    "offence": ("offence", Words.word),
    "severity": ("severity", Words.word),
    "obligation": ("obligation", Words.word),
    "due": ("due_on", Words.day),
    "paid": ("paid_on", Words.day),
}

_HAPPENS: dict[str, Callable[[_Telling, Words, Row], list[Record]]] = {
    "consent": _Telling.consent,
    "withdraw": _Telling.withdraw,
    "share": _Telling.share,
    "unshare": _Telling.unshare,
    "purchase": lambda telling, words, row: telling.event(words, row, "purchases"),
    "fine": lambda telling, words, row: telling.event(words, row, "fines"),
    "payment": lambda telling, words, row: telling.event(words, row, "payments"),
    "dispute": _Telling.dispute,
    "correct": _Telling.correct,
    "tick": _Telling.tick,
    "publish": _Telling.publishes,
    "restart": _Telling.restarts,
}

_EXPECTED: dict[str, Callable[[_Telling, Words], None]] = {
    "score": _Telling.expect_score,
    "points": _Telling.expect_points,
    "perks": _Telling.expect_perks,
    "as-of": _Telling.expect_as_of,
    "turns": _Telling.expect_turns,
    "change": _Telling.expect_change,
    "shadow": _Telling.expect_shadow,
    "moved": _Telling.expect_moved,
    "changes": _Telling.expect_changes,
    "ledger": _Telling.expect_ledger,
    "statements": _Telling.expect_statement,
    "dead": _Telling.expect_dead,
    "dead-letters": _Telling.expect_dead_letters,
    "dropped": _Telling.expect_dropped,
    "forwarded": _Telling.expect_forwarded,
    "heartbeats": _Telling.expect_heartbeats,
    "receipt": _Telling.expect_receipt,
    "sees": _Telling.expect_sees,
    "seen": _Telling.expect_sees_so_far,
    "gone": _Telling.expect_gone,
    "unscored": _Telling.expect_unscored,
    "forgotten": _Telling.expect_forgotten,
    "untraced": _Telling.expect_untraced,
    "rewritten": _Telling.expect_rewritten,
}


def _damaged(value: bytes, mark: tuple[str, ...], values: dict[str, Any] | None) -> bytes | None:
    match mark:
        case ("no", "value"):
            return None
        case ("cut", count):
            return value[: -int(count)]
        case ("magic", byte):
            return bytes((int(byte),)) + value[1:]
        case ("schema", number):
            return value[:1] + int(number).to_bytes(4, "big") + value[5:]
        case ("append", text):
            return value + text.encode()
        case ("big", size):
            return value + b"\0" * int(size)
        case _:
            return json.dumps(values).encode()


# ---- changing a story, to see that it notices


def altered(story: Story) -> list[tuple[str, Story]]:
    """Give the story once for each expected number and date, with that one changed."""
    found = []
    for place, row in enumerate(story.rows):
        if not row.expected:
            continue
        for at, word in enumerate(row.words):
            if re.fullmatch(r"-?[0-9]+", word):
                other = str(int(word) + 1)
            elif at and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?", word):
                other = told(time_of(word) + DAY)
            else:
                continue
            words = (*row.words[:at], other, *row.words[at + 1 :])
            rows = list(story.rows)
            rows[place] = Row(row.line, True, False, words, ())
            told_as = f"line {row.line}: {word} as {other}"
            found.append(
                (
                    told_as,
                    Story(
                        story.name,
                        story.title,
                        story.covers,
                        story.scorecards,
                        story.partitions,
                        tuple(rows),
                    ),
                )
            )
    return found
