"""Sends records to the input topics: checked first, placed right, acknowledged by Kafka."""

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypedDict

from streams import codec, validity
from streams.client.connection import Connection
from streams.client.delivery import Delivery
from streams.client.published import PublishedScorecard, grant_problem, to_publish
from streams.client.read import Reader
from streams.client.shape import Moment, milliseconds, natural_id, own_id, shaped
from streams.errors import BadData, BadUsage, PlainscoreError
from streams.marks import RECEIPT
from streams.topics import GATE, INPUTS, full_name, partition_of


class Grant(TypedDict):
    """What one scorecard may read: kinds of event (their topics' names), from a time on."""

    scorecard: str
    kinds: Sequence[str]
    covers_from: Moment


class Share(TypedDict):
    """What one audience may see ("tier", "score"), and until when."""

    audience: str
    reveals: Sequence[str]
    until: Moment


class About(TypedDict):
    """Names one event, whole."""

    kind: str
    source: str
    event_id: str
    occurred_at: Moment


class Publisher:
    """Sends records; `publish` queues, every other method returns when Kafka has acknowledged.

    A record that Kafka did not take is never passed over in silence: the next call of any method
    raises for it (Unreachable, or BadData if Kafka refused it), and so do flush and close. Sending
    the same records again is free of harm. Not for use by several threads at once.
    """

    def __init__(
        self,
        brokers: str,
        *,
        prefix: str = "",
        kafka: Mapping[str, str] | None = None,
        partitions: int | None = None,
    ) -> None:
        """Connect. `kafka`: extra settings of librdkafka; `partitions`: None asks the broker.

        Raises Unreachable within about 10 s if no broker answers.
        """
        self._connection = Connection(brokers, kafka)
        self._prefix = prefix
        self._delivery = Delivery(self._connection)
        self._partitions: dict[str, int] = {}
        if partitions is not None:
            self._partitions = {full_name(topic, prefix): partitions for topic in INPUTS}
        else:
            self._ask_partitions()
        self._reader: Reader | None = None
        self._known: list[PublishedScorecard] = []
        self._kafka = kafka
        self._closed = False
        self._gate_open = True  # False while a consent or shares record is not acknowledged yet

    def publish(
        self,
        topic: str,
        values: Mapping[str, Any],
        timestamp_ms: int | None = None,
        *,
        natural_key: bool = False,
    ) -> str:
        """Check one record of an input topic and queue it; give the id that it goes by.

        values: the fields of the topic's schema; times as ms or aware datetimes, dates as days
        since 1970 or dates. timestamp_ms: Kafka's, the time of sending unless given. natural_key:
        make event_id (dispute_id, correction_id) from all the other fields, so that sending the
        same again changes nothing; two events alike in every field then count as one.
        The id is the event's, dispute's or correction's; of other topics the citizen's.
        Raises BadData for a record that the worker would refuse, and says which field is wrong;
        BadData too for a grant to a scorecard that is not published or does not read that kind.
        Events wait until every consent published before them is acknowledged.
        """
        self._go_on()
        if topic not in INPUTS:
            raise BadUsage(
                f"{topic!r} is no topic that takes records",
                next_step=f"These do: {', '.join(INPUTS)}.",
            )
        if topic == "ticks":
            self.tick(shaped(topic, values)["occurred_at"])
            return ""
        shape = _with_id(topic, values) if natural_key else shaped(topic, values)
        if timestamp_ms is not None:
            timestamp_ms = milliseconds(timestamp_ms, "timestamp_ms")
        _judge(topic, shape, timestamp_ms)
        if topic == "consents":
            self._check_grants(shape["grants"])
        citizen = shape["citizen_id"]
        self._send(topic, citizen, codec.encode(topic, shape), timestamp_ms)
        return str(citizen if topic in GATE else shape[own_id(topic)])

    def consent(
        self, citizen_id: str, grants: Sequence[Grant], *, occurred_at: Moment | None = None
    ) -> None:
        """Put these grants in force, the whole list; what it leaves out is erased."""
        if not grants:
            raise BadUsage(
                "A consent without grants is a withdrawal",
                next_step="Call withdraw, which gives a receipt.",
            )
        values = {"citizen_id": citizen_id, "occurred_at": _or_now(occurred_at), "grants": grants}
        self.publish("consents", values)
        self.flush()

    def withdraw(self, citizen_id: str) -> str:
        """Withdraw every consent: all that is stored of the citizen is erased.

        Gives the random id under which the receipt will stand in the topic `receipts`.
        """
        self._go_on()
        values = {"citizen_id": citizen_id, "occurred_at": _now(), "grants": []}
        _judge("consents", shaped("consents", values), None)
        # One that holds the person's id by chance (it may be "7") would be replaced by the worker.
        while citizen_id in (receipt_id := secrets.token_hex(16)):
            pass
        self._send("consents", citizen_id, None, None, [(RECEIPT, receipt_id.encode())])
        self.flush()
        return receipt_id

    def share(
        self, citizen_id: str, shares: Sequence[Share], *, occurred_at: Moment | None = None
    ) -> None:
        """Put these shares in force, the whole list; empty: none.

        One whose `until` has passed is left out: a worker would open it until the next tick. Of
        several for one audience the last stands. Without a consent on record there are none.
        """
        values = {"citizen_id": citizen_id, "occurred_at": _or_now(occurred_at), "shares": shares}
        shape = shaped("shares", values)
        shape["shares"] = [each for each in shape["shares"] if each["until"] > _now()]
        self.publish("shares", shape)
        self.flush()

    def dispute(
        self,
        citizen_id: str,
        about: About,
        *,
        action: str = "open",
        statement: str = "",
        dispute_id: str | None = None,
        occurred_at: Moment | None = None,
    ) -> str:
        """Open, withdraw or decide (uphold, reject) a dispute; give its id.

        A new one gets a random id unless told otherwise; the others name theirs.
        """
        if dispute_id is None and action != "open":
            raise BadUsage(
                f"To {action} a dispute takes its dispute_id",
                next_step="It is what opening it gave back.",
            )
        if dispute_id is None:  # an empty one is a mistake: nobody would hear of the dispute meant
            dispute_id = secrets.token_hex(16)
        values = {
            "dispute_id": dispute_id,
            "citizen_id": citizen_id,
            "about": about,
            "occurred_at": _or_now(occurred_at),
            "action": action,
            "statement": statement,
        }
        self.publish("disputes", values)
        self.flush()
        return dispute_id

    def correct(
        self,
        citizen_id: str,
        about: About,
        replaced: Mapping[str, Any] | None = None,
        *,
        correction_id: str | None = None,
        occurred_at: Moment | None = None,
    ) -> str:
        """Replace these fields of an event, or retract it (replaced: None), as its source.

        Gives the correction's id, a random one unless told otherwise.
        """
        if correction_id is None:
            correction_id = secrets.token_hex(16)
        values = {
            "correction_id": correction_id,
            "citizen_id": citizen_id,
            "about": about,
            "occurred_at": _or_now(occurred_at),
            "source": about.get("source") if isinstance(about, Mapping) else None,
            "action": "retract" if replaced is None else "replace",
        }
        replaced = replaced or {}
        if fixed := values.keys() & replaced:  # ours would stand, and nobody hear of it
            raise BadData(
                f"A correction cannot replace {min(fixed)!r}",
                where="not_a_field",
                next_step="Name fields of the event; for any other, retract it and send a new one.",
            )
        self.publish("corrections", {**values, **replaced})
        self.flush()
        return correction_id

    def tick(self, occurred_at: Moment | None = None) -> None:
        """Let time pass: one record in every partition."""
        self._go_on()
        shape = {"occurred_at": milliseconds(_or_now(occurred_at), "ticks.occurred_at")}
        _judge("ticks", shape, None)
        value = codec.encode("ticks", shape)
        for partition in range(self._count("ticks")):
            self._delivery.send(self._full("ticks"), partition, None, value)
        self.flush()

    def publish_scorecard(self, text: str) -> bool:
        """Publish a scorecard's text for all time; False if exactly this already is.

        Raises BadData for a text that is not valid, one that differs from the published document
        of the same id and version, and one that breaks the rules of later versions.
        """
        self._go_on()
        new = to_publish(self._published(), text, _now())
        if new is None:
            return False
        value = codec.encode("scorecards", new.values())
        key = codec.pack(new.id, new.version)
        self._delivery.send(self._full("scorecards"), 0, key, value)
        self.flush()
        to_publish(self._published(), text, _now())  # raises if another text was there first
        return True

    def flush(self, timeout: float | None = None) -> None:
        """Wait until Kafka has acknowledged all records; None: as long as one may take (60 s).

        Raises, with the count and the first reason, if it did not take some.
        """
        self._delivery.flush(timeout)
        self._gate_open = True

    def close(self) -> None:
        """Flush, and leave nothing running; what is published after that is refused."""
        self._closed = True
        try:
            self.flush()
        finally:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:  # the caller's own error is the one to show
            with suppress(PlainscoreError):
                self.close()

    def _go_on(self) -> None:
        """Raise for what is lost already, and for what would come after the end."""
        self._delivery.raise_losses()
        if self._closed:
            raise BadUsage("This Publisher is closed", next_step="Open a new one.")

    def _check_grants(self, grants: Sequence[Grant]) -> None:
        """Hold grants against what is published. What was once can be granted for all time: only
        a grant that fits nothing known asks Kafka again.
        """
        for grant in grants:
            asked = grant["scorecard"], grant["kinds"]
            if grant_problem(self._known, *asked) is not None:
                self._known = self._published()
                problem = grant_problem(self._known, *asked)
                if problem is not None:
                    raise problem

    def _published(self) -> list[PublishedScorecard]:
        if self._reader is None:
            self._reader = Reader(self._connection.brokers, prefix=self._prefix, kafka=self._kafka)
        return self._reader.published_scorecards()

    def _send(
        self,
        topic: str,
        citizen_id: str,
        value: bytes | None,
        timestamp_ms: int | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Queue a citizen's record in the partition where the citizen lives."""
        if topic in GATE:
            self._gate_open = False
        elif not self._gate_open:
            self.flush()
        partition = partition_of(citizen_id, self._count(topic))
        key = citizen_id.encode()
        self._delivery.send(self._full(topic), partition, key, value, timestamp_ms, headers)

    def _full(self, topic: str) -> str:
        return full_name(topic, self._prefix)

    def _count(self, topic: str) -> int:
        name = self._full(topic)
        if name not in self._partitions:
            self._ask_partitions()
        if name not in self._partitions:
            raise self._connection.missing(name)
        return self._partitions[name]

    def _ask_partitions(self) -> None:
        self._partitions = self._delivery.topics()


def _judge(topic: str, shape: dict[str, Any], timestamp_ms: int | None) -> None:
    """Raise BadData for what the worker would refuse, in the worker's own words."""
    timestamp = _now() if timestamp_ms is None else timestamp_ms
    if (problem := validity.problem(topic, shape, timestamp)) is not None:
        reason, detail = problem
        raise BadData(f"{topic}: {detail}", where=reason, next_step="Mend it and send it again.")


def _with_id(topic: str, values: Mapping[str, Any]) -> dict[str, Any]:
    field = own_id(topic)
    if not isinstance(values, Mapping):
        return shaped(topic, values)  # which says what it is not
    if values.get(field) is not None:
        raise BadUsage(
            f"{topic}.{field} is given, and a natural key was asked for",
            next_step="Give one of the two.",
        )
    shape = shaped(topic, {**values, field: ""})
    shape[field] = natural_id(topic, shape)
    return shape


def _or_now(moment: Moment | None) -> Moment:
    return _now() if moment is None else moment


def _now() -> int:
    return time.time_ns() // 1_000_000
