"""How every client reaches the brokers, and what it says when it cannot."""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams import codec
from streams.errors import FIND_A_BROKER, BadUsage, PlainscoreError, Unreachable

ANSWER_WITHIN = 10.0  # seconds that a broker may take to answer before we say that it does not

LOG = logging.getLogger("plainscore.client")
LOG.addHandler(logging.NullHandler())  # librdkafka's lines go where the caller's logging says


class _Client(Protocol):
    def list_topics(self, topic: str = ..., timeout: float = ...) -> Any: ...
    def poll(self, timeout: float = ...) -> Any: ...


Opened = TypeVar("Opened", bound=_Client)


class Connection:
    """An address and its security settings; opens librdkafka's clients on it.

    `kafka` holds settings of librdkafka's own, which win over ours: security, client.id, timeouts.
    """

    def __init__(self, brokers: str, kafka: Mapping[str, str] | None = None) -> None:
        """Raises BadUsage for an address with a login: Kafka takes none there, and an address is
        repeated in errors and logs.
        """
        if "@" in brokers:
            raise BadUsage(
                "The brokers' address holds a login",
                where="PLAINSCORE_BROKERS",
                next_step="Write host:port alone, and set sasl.username and sasl.password among"
                " the extra Kafka settings (PLAINSCORE_KAFKA).",
            )
        self.brokers = brokers
        self._settings = dict(kafka or {})
        self._last_error: KafkaError | None = None

    def open(self, kind: Callable[..., Opened], settings: Mapping[str, object]) -> Opened:
        """Make a client of this kind. Raises BadUsage for a setting that librdkafka refuses."""
        ours = {
            "bootstrap.servers": self.brokers,
            "client.id": "plainscore",
            "error_cb": self._remember,
        }
        try:
            return kind({**ours, **settings, **self._settings}, logger=LOG)
        except (KafkaException, ValueError, TypeError) as refused:
            raise BadUsage(
                f"Kafka's client refused a setting: {sentence(refused)}",
                where=f"brokers {self.brokers}",
                next_step="Mend the address or the extra Kafka settings (PLAINSCORE_KAFKA).",
            ) from refused

    def topics(self, client: _Client, within: float | None = None) -> dict[str, int]:
        """Every topic of the cluster with its number of partitions. Raises Unreachable if no
        broker answers within some seconds; None: ANSWER_WITHIN.
        """
        try:
            found = client.list_topics(timeout=ANSWER_WITHIN if within is None else within)
        except KafkaException as failed:
            client.poll(0)  # hands over the errors that say why
            raise self.unreachable(failed) from failed
        return {name: len(topic.partitions) for name, topic in found.topics.items()}

    def take(self, consumer: Consumer, timeout: float) -> list[Message]:
        """Take what has arrived, waiting for the first record until the timeout (seconds) at most.

        The end of a partition comes as a message with an error, if the consumer asked for that.
        What librdkafka mends by itself is passed over; what it cannot is raised.
        """
        until = time.monotonic() + timeout
        while (first := consumer.poll(max(0.0, until - time.monotonic()))) is not None:
            messages = [first, *consumer.consume(_AT_ONCE, 0)]
            if kept := [message for message in messages if self._stands(message)]:
                return kept
        return []

    def _stands(self, message: Message) -> bool:
        error = message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            return True
        if error.fatal() or error.code() in _FINAL:
            raise self.told(error, message.topic() or "")
        return False

    def ends(self, consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
        """Give a partition's first offset and its end, the committed one if it reads committed.

        A topic that was just created, or a leader that just died, is asked again for about 10 s.
        """
        place = TopicPartition(topic, partition)
        until = time.monotonic() + ANSWER_WITHIN
        while True:
            try:
                start, end = consumer.get_watermark_offsets(
                    place, timeout=ANSWER_WITHIN, cached=False
                )
            except KafkaException as failed:
                error = failed.args[0]
                if error.code() in _FINAL or time.monotonic() > until:
                    raise self.told(error, topic) from failed
                consumer.poll(0.05)
            else:
                return start, end

    def read(
        self, consumer: Consumer, topic: str, partition: int, start: int = 0
    ) -> Iterator[Message]:
        """Read a partition's records, from an offset on, to the end that it has when asked.

        Raises Unreachable if the broker falls silent for about 10 s.
        """
        first, end = self.ends(consumer, topic, partition)
        if max(first, start) >= end:
            return
        consumer.assign([TopicPartition(topic, partition, max(first, start))])
        try:
            while True:
                messages = self.take(consumer, ANSWER_WITHIN)
                if not messages:
                    raise self.unreachable()
                for message in messages:
                    offset = message.offset() or 0
                    if message.error() is not None or offset >= end:
                        return
                    yield message
                    if offset == end - 1:
                        return
        finally:
            with suppress(RuntimeError):  # whoever read this left it, and closed the consumer first
                consumer.unassign()

    def told(self, error: KafkaError, topic: str) -> PlainscoreError:
        """Say what Kafka answered about a topic."""
        return self.missing(topic) if error.code() in _MISSING else self.unreachable(error)

    def unreachable(self, failed: KafkaException | KafkaError | None = None) -> Unreachable:
        """Say that no broker answered, with the last reason that librdkafka gave."""
        last = self._last_error
        why = failed if last is None else last
        let_in = last is None or last.code() not in _NOT_LET_IN
        return Unreachable(
            "No Kafka broker answered" + ("" if why is None else f": {sentence(why)}"),
            where=f"brokers {self.brokers}",
            next_step=FIND_A_BROKER if let_in else "Mend the security settings (PLAINSCORE_KAFKA).",
        )

    def missing(self, topic: str) -> PlainscoreError:
        """Say that the cluster has no such topic."""
        return BadUsage(
            f"The topic {topic} does not exist",
            where=f"brokers {self.brokers}",
            next_step="Create the topics with `plainscore topics apply` (an audience's once"
            " PLAINSCORE_AUDIENCES names it), or check the prefix.",
        )

    def _remember(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # the error before it says why
            self._last_error = error


_AT_ONCE = 500  # records
_MISSING = frozenset(
    {
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
_NOT_LET_IN = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})
_FINAL = _MISSING | {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError._AUTHENTICATION,
}


def sentence(failed: BaseException | KafkaError) -> str:
    """librdkafka's own words for an error, without codes and states."""
    error = failed.args[0] if isinstance(failed, KafkaException) else failed
    words = error.str() if isinstance(error, KafkaError) else str(error)
    return re.sub(r" \(after \d+ms in state [A-Z_]+[^)]*\)", "", words)


def decoded(topic: str, message: Message) -> dict[str, Any] | None:
    """A record's values; None for one that cannot be read: it must not stop whoever reads on."""
    try:
        return codec.decode(topic, message.value())
    except codec.Undecodable as bad:
        place = f"{message.topic()}-{message.partition()}-{message.offset()}"
        LOG.warning("Passed over a record that cannot be read: %s at %s", bad.reason, place)
        return None
