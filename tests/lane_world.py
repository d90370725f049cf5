"""Real workers on a real broker, and an outsider who sees only the topics.

Whatever a test says of the workers it says from outside: of records in topics, of offsets, of
metrics over HTTP, of exit codes. What a score should be is `recount`'s to say, from those records.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import uuid4
from zlib import crc32

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
)
from prometheus_client.parser import text_string_to_metric_families

from streams import scorecards
from streams.client import Publisher, admin
from streams.codec import Undecodable, decode, encode, unpack
from streams.kinds import kinds
from streams.marks import HEARTBEAT
from streams.record import Record, record_of
from streams.scoring import ledger
from streams.scoring.citizen import covers
from streams.scoring.ledger import DAY, Entry
from streams.scoring.recount import EventRef, gather, recount
from streams.state import read_grants
from streams.topics import INPUTS, KINDS, partition_of

ROOT = Path(__file__).parents[1]
PARTITIONS = 4
AUDIENCES = ("bikes",)
OUTPUTS = ("score-changes", "scores", "receipts", "dead-letters", "score-changes.bikes")
CHANGELOGS = ("citizens-changelog", "ledger-changelog")
GROUP = "plainscore"

Place = tuple[str, int]  # a topic's bare name, and a partition


# ---- a worker


class Worker:
    """`python -m streams worker` in a process of its own; it dies with this one."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.state = folder / "state"
        self.log = folder / f"worker-{uuid4().hex[:6]}.log"
        ours = {
            "STATE_DIR": str(self.state),
            "METRICS_PORT": "0",
            "LOG_JSON": "1",
            "GROUP": GROUP,
            "AWAY_SECONDS": "6",  # the least that Kafka takes: who was stopped is waited for
            **settings,
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PLAINSCORE_")}
        self.process: Any = self.launched(
            kept | {"PLAINSCORE_" + name: value for name, value in ours.items()}
        )

    def launched(self, environment: Mapping[str, str]) -> Any:
        """Start its process; gives what can be asked and told what a Popen can."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "streams", "worker"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_us,  # noqa: PLW1509
            )

    def said(self) -> str:
        """Everything that it has logged."""
        return self.log.read_text(errors="replace")

    def sentence(self) -> str:
        """The one error that it ended with."""
        (sentence,) = (line for line in self.said().splitlines() if line.startswith("error: "))
        return sentence

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of its log with this name."""
        lines = (line for line in self.said().splitlines() if line.startswith("{") and name in line)
        return [line for line in map(json.loads, lines) if line["event"] == name]

    def wait_ready(self, seconds: float = 60) -> Self:
        """Wait until it reads its partitions."""
        wait_for(lambda: self.ended() or self.events("worker_ready"), seconds, "a worker is ready")
        assert not self.ended(), self.said()
        return self

    def ended(self) -> bool:
        return self.process.poll() is not None

    def stop(self, seconds: float = 10) -> float:
        """Stop it by SIGTERM; gives the seconds that took. It must end clean, and in time."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"not stopped after {seconds} s:\n{self.said()}") from None
        assert code == 0, self.said()
        return time.monotonic() - began

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.process.kill()
        self.process.wait()

    def count(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        url = self.events("metrics_served")[0]["url"]
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def die_with_us() -> None:
    """Have the system kill this process once its parent has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited {seconds} s in vain until {what}"
        time.sleep(0.05)


def alter(brokers: str, topic: str, **settings: str) -> None:
    """Set a topic's settings, with underscores for dots; an empty one goes back to the default."""
    entries = [
        ConfigEntry(
            name.replace("_", "."),
            value,
            incremental_operation=AlterConfigOpType.SET if value else AlterConfigOpType.DELETE,
        )
        for name, value in settings.items()
    ]
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": brokers})  # its futures end with it
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


# ---- the world of one test


class World:
    """Topics of a test's own, the workers on them, and all that an outside consumer has seen."""

    def __init__(
        self,
        brokers: str,
        prefix: str,
        folder: Path,
        names: Iterable[str] = (),
        group: str = GROUP,
        starting: type[Worker] = Worker,
    ) -> None:
        self.brokers = brokers
        self.prefix = prefix
        self.group = group
        self._starting = starting
        self.folder = folder
        self.workers: list[Worker] = []
        self.pages = [scorecards.example(name) for name in names or ("everyday", "rider")]
        self.cards = {card.id: card for card in map(scorecards.read, self.pages)}

    def __enter__(self) -> Self:
        admin.apply(
            self.brokers,
            prefix=self.prefix,
            partitions=PARTITIONS,
            replication=min(3, len(self.brokers.split(","))),
            audiences=AUDIENCES,
        )
        with Publisher(self.brokers, prefix=self.prefix) as publisher:
            for page in self.pages:
                publisher.publish_scorecard(page)
        self.producer = Producer(
            {
                "bootstrap.servers": self.brokers,
                "linger.ms": 5,
                "enable.idempotence": True,
                "queue.buffering.max.messages": 2_000_000,
                "queue.buffering.max.kbytes": 2_000_000,
            }
        )
        self.outsider = Outsider(self.brokers, self.prefix)
        self._offsets = Consumer({"bootstrap.servers": self.brokers, "group.id": self.group})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        for worker in self.workers:
            if not worker.ended():
                worker.kill()
        self.outsider.close()
        self._offsets.close()
        if error is not None:
            for worker in self.workers:
                sys.stderr.write(f"---- {worker.log}\n{worker.said()[-6000:]}\n")

    def worker(self, name: str = "a", **settings: str) -> Worker:
        """Start a worker; those of one name have one folder for their state."""
        given = {
            "BROKERS": self.brokers,
            "PREFIX": self.prefix,
            "GROUP": self.group,
            "AUDIENCES": ",".join(AUDIENCES),
            **settings,
        }
        self.workers.append(self._starting(self.folder / name, given))
        return self.workers[-1]

    def send(self, records: Iterable["Sent"]) -> None:
        """Send records and wait until Kafka has them."""
        produce, prefix = self.producer.produce, self.prefix
        for each in records:
            produce(
                prefix + each.topic,
                each.value,
                each.key,
                each.partition,
                headers=list(each.headers),
            )
        assert self.producer.flush(60) == 0

    # ---- what is seen

    def seen(self) -> dict[str, list[Record]]:
        """Every committed record up to the ends that the topics have now, by topic."""
        return self.outsider.seen()

    def committed(self) -> dict[Place, int]:
        """The group's next offsets."""
        places = [TopicPartition(self.prefix + t, p) for t in INPUTS for p in range(PARTITIONS)]
        found = self._offsets.committed(places, timeout=30)
        return {
            (each.topic.removeprefix(self.prefix), each.partition): each.offset for each in found
        }

    def left(self) -> list[Place]:
        """Places whose last record the group has not committed yet."""
        committed, ends = self.committed(), self.outsider.ends(INPUTS)
        if all(end - max(0, committed[place]) > 3 for place, end in ends.items() if end):
            return list(ends)  # more than what marks the end of a transaction
        last: dict[Place, int] = {}
        seen = self.seen()
        for topic in INPUTS:
            last.update({(topic, record.partition): record.offset for record in seen[topic]})
        return [place for place, offset in last.items() if offset >= committed[place]]

    def wait_done(self, seconds: float = 90) -> dict[str, list[Record]]:
        """Wait until everything that was sent, and what comes of it, is committed; gives that."""
        until = time.monotonic() + seconds
        while left := self.left():
            assert any(not worker.ended() for worker in self.workers), f"no worker runs, {left}"
            assert time.monotonic() < until, f"after {seconds} s there is more to do in {left}"
            time.sleep(0.25)
        return self.seen()


class Outsider:
    """Reads the topics as any consumer can: committed records only, from the start of each."""

    def __init__(self, brokers: str, prefix: str) -> None:
        self._prefix = prefix
        self._admin = AdminClient({"bootstrap.servers": brokers})
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": "outsider",  # librdkafka wants one; nobody joins it
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                # To be told of each record as it comes would keep a processor busy; but they are
                # fetched all the time, before a compaction can take them.
                "fetch.min.bytes": 1_000_000,
                "fetch.wait.max.ms": 200,
            }
        )
        self._records: dict[str, list[Record]] = {}
        self._reached: dict[Place, int] = {}
        for topic in (*INPUTS, *OUTPUTS, *CHANGELOGS):
            self._records[topic] = []
            self._reached.update({(topic, number): 0 for number in range(PARTITIONS)})
        self._consumer.assign(
            [TopicPartition(prefix + topic, number, 0) for topic, number in self._reached]
        )

    def close(self) -> None:
        self._consumer.close()

    def ends(self, topics: Iterable[str]) -> dict[Place, int]:
        """Where topics end now; open transactions count too."""
        asked = {
            TopicPartition(self._prefix + topic, number): OffsetSpec.latest()
            for topic in topics
            for number in range(PARTITIONS)
        }
        found = self._admin.list_offsets(asked, request_timeout=30)
        ends = {
            (where.topic.removeprefix(self._prefix), where.partition): future.result().offset
            for where, future in found.items()
        }
        assert all(end >= 0 for end in ends.values()), "a leader gave no answer"
        return ends

    def seen(self) -> dict[str, list[Record]]:
        """Read up to the present ends, and give all records so far."""
        ends = self.ends(self._records)
        until = time.monotonic() + 60
        while behind := [place for place, end in ends.items() if self._reached[place] < end]:
            assert time.monotonic() < until, f"the ends were not reached: {behind}"
            for message in self._consumer.consume(20_000, 0.05):
                self._take(message)
        return self._records

    def _take(self, message: Message) -> None:
        error, offset, partition = message.error(), message.offset(), message.partition()
        topic = (message.topic() or "").removeprefix(self._prefix)
        assert offset is not None
        assert partition is not None
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF, error
            self._reached[topic, partition] = offset
            return
        self._reached[topic, partition] = offset + 1
        self._records[topic].append(record_of(message, topic, partition, offset))


# ---- what is sent


class Sent(NamedTuple):
    """A record on its way to a topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def misplaced(self) -> bool:
        """Whether it stands in another partition than its citizen's."""
        right = None if self.key is None else partition_of(self.key.decode(), PARTITIONS)
        return right not in (None, self.partition)

    @classmethod
    def of(cls, topic: str, values: Mapping[str, Any], partition: int | None = None) -> "Sent":
        """The record that a right producer would send."""
        name = values["citizen_id"]
        where = partition_of(name, PARTITIONS) if partition is None else partition
        return cls(topic, name.encode(), encode(topic, values), where)


def flood(names: Sequence[str], events: int, seed: int) -> list[Sent]:
    """Many plain purchases of the last ten days, made fast."""
    random, now = Random(seed), int(time.time() * 1000)
    made = []
    for number in range(events):
        values = {
            "event_id": f"f{seed}-{number}",
            "citizen_id": random.choice(names),
            "occurred_at": now - random.randrange(10 * DAY),
            "source": "shop",
            "category": "music",
            "amount_minor": random.randrange(100, 400),
            "currency": "USD",
            "quantity": 1,
        }
        made.append(Sent.of("purchases", values))
    return made


def misplaced(records: Iterable[Sent]) -> list[Sent]:
    """The same records placed as librdkafka does unless told otherwise: by CRC32 of the key."""
    return [
        each if each.key is None else each._replace(partition=crc32(each.key) % PARTITIONS)
        for each in records
    ]


@dataclass
class History:
    """A made-up past of some citizens, the same for the same seed; times count back from now."""

    seed: int
    citizens: int = 200
    events: int = 3_000

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self.now = int(time.time() * 1000)
        self.names = [f"citizen-{self.seed}-{number}" for number in range(self.citizens)]

    def consents(self, kinds: Sequence[str] | None = None) -> list[Sent]:
        """Consents of everybody; some name one scorecard, some leave kinds out, unless given."""
        return [Sent.of("consents", self._consent(name, kinds)) for name in self.names]

    def _consent(self, name: str, kinds: Sequence[str] | None) -> dict[str, Any]:
        random = self._random
        begun = self.now - random.choice([100, 300, 500]) * DAY
        everyday = list(kinds or random.sample(KINDS, random.choice([2, 3, 3, 3])))
        grants = [{"scorecard": "everyday", "kinds": everyday, "covers_from": begun}]
        if random.random() < 0.6:
            grants.append({"scorecard": "rider", "kinds": ["fines"], "covers_from": begun})
        return {"citizen_id": name, "occurred_at": self.now, "grants": grants}

    def shares(self) -> list[Sent]:
        """Shares of every third citizen."""
        until = self.now + 30 * DAY
        return [
            Sent.of(
                "shares",
                {
                    "citizen_id": name,
                    "occurred_at": self.now,
                    "shares": [{"audience": "bikes", "reveals": ["tier", "score"], "until": until}],
                },
            )
            for name in self.names[::3]
        ]

    def happenings(self) -> list[Sent]:
        """Events with repeats and conflicts, disputes, corrections and ticks, in one order."""
        random, made = self._random, []
        for number in range(self.events):
            kind = random.choices(KINDS, [6, 2, 3])[0]
            event = self._event(kind, number)
            made.append(Sent.of(kind, event))
            chance = random.random()
            if chance < 0.05:
                made.append(made[-1])
            elif chance < 0.08:
                made.append(Sent.of(kind, event | {"amount_minor": 1}))
            elif chance < 0.16:
                made += self._disputes(kind, event)
            elif chance < 0.24:
                made.append(self._correction(kind, event))
        random.shuffle(made)
        for part in range(1, 4):  # time passes a little at a time
            at = len(made) * part // 4
            made[at:at] = self.ticks(self.now - (4 - part) * DAY)
        return made

    def ticks(self, at: int) -> list[Sent]:
        """A tick in every partition."""
        value = encode("ticks", {"occurred_at": at})
        return [Sent("ticks", None, value, partition) for partition in range(PARTITIONS)]

    def _event(self, kind: str, number: int) -> dict[str, Any]:
        random = self._random
        time = self.now - random.randrange(400 * DAY)
        event = {
            "event_id": f"e{number}",
            "citizen_id": random.choice(self.names),
            "occurred_at": time,
            "source": random.choice(["shop", "office"]),
            "amount_minor": random.randrange(100, 40_000),
            "currency": random.choice(["USD", "USD", "USD", "EUR"]),
        }
        if kind == "purchases":
            category = random.choice(["music", "books", "toys"])
            return event | {"category": category, "quantity": random.randrange(1, 5)}
        if kind == "fines":
            offence = random.choice(["parking", "speeding", "red_light", "phone"])
            severity = random.choice(["minor", "moderate", "severe"])
            return event | {"offence": offence, "severity": severity}
        due = time // DAY
        paid = random.choice([None, due - 1, due, due + random.randrange(1, 40)])
        return event | {"obligation": "rent", "due_on": due, "paid_on": paid}

    def _about(self, kind: str, event: Mapping[str, Any]) -> dict[str, Any]:
        return {"kind": kind, **{f: event[f] for f in ("source", "event_id", "occurred_at")}}

    def _disputes(self, kind: str, event: Mapping[str, Any]) -> list[Sent]:
        steps = self._random.choice([["open"], ["open", "uphold"], ["open", "reject"]])
        return [
            Sent.of(
                "disputes",
                {
                    "dispute_id": f"d-{event['event_id']}",
                    "citizen_id": event["citizen_id"],
                    "about": self._about(kind, event),
                    "occurred_at": self.now + place,
                    "action": action,
                    "statement": "it was not me" if action == "open" else "",
                },
            )
            for place, action in enumerate(steps)
        ]

    def _correction(self, kind: str, event: Mapping[str, Any]) -> Sent:
        action = self._random.choice(["replace", "retract"])
        replaced = {"amount_minor": 77} if action == "replace" else {}
        nothing = dict.fromkeys(_REPLACEABLE)
        return Sent.of(
            "corrections",
            {
                **nothing,
                **replaced,
                "correction_id": f"c-{event['event_id']}",
                "citizen_id": event["citizen_id"],
                "about": self._about(kind, event),
                "occurred_at": self.now,
                "source": event["source"],
                "action": action,
            },
        )


_REPLACEABLE = sorted({field for kind in kinds().values() for field in kind.fields})


# ---- what it should come to


class Key(NamedTuple):
    """Whose score, under which scorecard."""

    citizen: str
    scorecard: str


class Standing(NamedTuple):
    """A score with what comes with it."""

    score: int
    tier: str
    perks: tuple[str, ...]
    contributions: tuple[tuple[str, int], ...]


def expected(
    seen: Mapping[str, list[Record]],
    cards: Mapping[str, Any],
    only: Collection[str] | None = None,
) -> dict[Key, Standing]:
    """Recount everybody who consents in the end (or only these), from the input that was seen.

    What nobody can read counts for nothing.
    """
    grants = {}
    at_home = [each for each in seen["consents"] if each.partition == _home(each)]
    for record in last_of_each_key(at_home).values():
        if record.value is not None:
            values = decode("consents", record.value)
            if only is None or values["citizen_id"] in only:
                grants[values["citizen_id"]] = read_grants(values["grants"])
    ticked: Counter[int] = Counter()
    for record, values in readable(seen["ticks"]):
        time = values["occurred_at"]
        ticked[record.partition] = max(ticked[record.partition], time)
    as_of = {
        name: max(ticked[partition_of(name, PARTITIONS)], min(g.covers_from for g in given))
        for name, given in grants.items()
    }
    parts: dict[str, list[tuple[EventRef, Entry]]] = defaultdict(list)
    for topic in (*KINDS, "disputes", "corrections"):
        for _, values in readable(each for each in seen[topic] if _whose(each) in grants):
            name = values["citizen_id"]
            about = values.get("about") or {**values, "kind": topic}
            if not covers(grants[name], about["kind"], about["occurred_at"]):
                continue
            event = EventRef(about["kind"], about["source"], about["event_id"])
            parts[name].append((event, _part(topic, values)))
            if topic in KINDS:
                as_of[name] = max(as_of[name], values["occurred_at"])
    found = {}
    for name, given in grants.items():
        events = gather(parts[name])
        for card in {grant.scorecard for grant in given}:
            told = recount(name, events, given, as_of[name], cards[card])
            found[Key(name, card)] = Standing(
                told.score, told.tier, told.perks, tuple(told.contributions.items())
            )
    return found


def readable(records: Iterable[Record]) -> Iterator[tuple[Record, dict[str, Any]]]:
    """Give records with what they say, but for those whose bytes say nothing."""
    for record in records:
        with suppress(Undecodable):
            yield record, decode(record.topic, record.value)


def _whose(record: Record) -> str | None:
    return None if record.key is None else record.key.decode(errors="replace")


def _home(record: Record) -> int:
    assert record.key is not None
    return partition_of(record.key.decode(), PARTITIONS)


def _part(topic: str, values: Mapping[str, Any]) -> Entry:
    if topic == "disputes":
        return ledger.dispute(
            values["dispute_id"],
            values["about"]["occurred_at"],
            values["occurred_at"],
            values["action"],
            values["statement"],
        )
    if topic == "corrections":
        fields = {n: values[n] for n in _REPLACEABLE if values[n] is not None}
        return ledger.correction(
            values["correction_id"],
            values["about"]["occurred_at"],
            values["occurred_at"],
            {"action": values["action"], **fields},
        )
    content = ledger.content_of(kinds()[topic], values)
    return ledger.fact(values["occurred_at"], content)


def found(seen: Mapping[str, list[Record]]) -> dict[Key, Standing]:
    """Give the latest score of everybody, with the contributions that its last change told."""
    told = {
        (change["citizen_id"], change["scorecard"], change["sequence"], change["since"]): change
        for change in changes(seen)
    }
    latest = {}
    since = {
        (change["citizen_id"], change["scorecard"]): change["since"] for change in changes(seen)
    }
    for key, record in last_of_each_key(seen["scores"]).items():
        if record.value is None:
            continue
        score = decode("scores", record.value)
        name = Key(*(part.decode() for part in unpack(key)))
        assert name == (score["citizen_id"], score["scorecard"])
        change = told[*name, score["sequence"], since[name]]
        assert (change["score"], change["tier"]) == (score["score"], score["tier"])
        latest[name] = Standing(
            score["score"],
            score["tier"],
            tuple(score["perks"]),
            tuple((c["characteristic"], c["points"]) for c in change["contributions"]),
        )
    return latest


def without_heartbeats(records: Iterable[Record]) -> list[Record]:
    """The records that say something; a tick brings one that says nothing to each partition."""
    return [record for record in records if record.key != HEARTBEAT]


def changes(seen: Mapping[str, list[Record]]) -> list[dict[str, Any]]:
    """Give every change that was committed, in each partition in order."""
    return [decode("score-changes", record.value) for record in seen["score-changes"]]


def shown(seen: Mapping[str, list[Record]], audience: str) -> dict[Key, dict[str, Any]]:
    """Give the last that an audience was shown of everybody, score and tier put together."""
    last: dict[Key, dict[str, Any]] = {}
    for record in seen[f"score-changes.{audience}"]:
        values = decode(record.topic, record.value)
        name = Key(values["citizen_id"], values["scorecard"])
        told = {field: values[field] for field in ("tier", "score") if values[field] is not None}
        last[name] = {"ended": values["ended"]} if values["ended"] else last.get(name, {}) | told
    return last


def unsteady(seen: Mapping[str, list[Record]]) -> list[str]:
    """Give what is wrong with the chain of changes: repeats, gaps, or a link that does not fit."""
    wrong = []
    last: dict[tuple[str, str, int], dict[str, Any]] = {}
    ids: Counter[str] = Counter()
    for change in changes(seen):
        ids[change["change_id"]] += 1
        name = (change["citizen_id"], change["scorecard"], change["since"])
        before = last.get(name)
        last[name] = change
        if change["sequence"] != (1 if before is None else before["sequence"] + 1):
            wrong.append(f"{name}: {change['sequence']} follows {before and before['sequence']}")
        if before is None:
            if (change["previous_score"], change["previous_tier"]) != (None, None):
                wrong.append(f"{name}: the first has a score before it")
            continue
        if (change["previous_score"], change["previous_tier"]) != (before["score"], before["tier"]):
            wrong.append(f"{name}: {change['sequence']} does not go on from the one before")
        points = {c["characteristic"]: c["points"] for c in before["contributions"]}
        for part in change["contributions"]:
            if part["previous_points"] != points.get(part["characteristic"], 0):
                wrong.append(f"{name}: {change['sequence']}: {part['characteristic']} does not fit")
    wrong += [f"{change_id} stands {n} times" for change_id, n in ids.items() if n > 1]
    return wrong


def check(
    world: World, seen: Mapping[str, list[Record]], only: Collection[str] | None = None
) -> dict[Key, Standing]:
    """Assert that changes have no repeat and no gap, and that scores equal the recount.

    only: recount these citizens, where all of them would take long.
    """
    right, are = expected(seen, world.cards, only), found(seen)
    if only is not None:
        are = {key: standing for key, standing in are.items() if key.citizen in only}
    differing = sorted(key for key in right.keys() | are.keys() if right.get(key) != are.get(key))
    told = [f"{key}: {are.get(key)} in place of {right.get(key)}" for key in differing[:5]]
    assert not differing, f"{len(differing)} of {len(right)} scores differ, such as {told}"
    wrong = unsteady(seen)
    assert not wrong, f"{len(wrong)} changes do not follow on each other, such as {wrong[:5]}"
    for name, told_to in shown(seen, "bikes").items():
        if name in are and not told_to.get("ended"):
            assert (told_to["score"], told_to["tier"]) == are[name][:2]
    return are


def last_of_each_key(records: Iterable[Record]) -> dict[bytes, Record]:
    """Give the last record of every key: what compaction would keep."""
    return {
        record.key: record
        for record in records
        if record.key is not None and record.key != HEARTBEAT
    }
