"""How old records may be that are forwarded with their own time."""

from collections.abc import Callable

from confluent_kafka import KafkaError, Message

from streams import metrics

Told = Callable[[KafkaError | None, Message], None]  # of a record's delivery


class Ages:
    """How old records may be, by what Kafka has refused: only it knows its limits, and its time.

    A record that is forwarded with its own time may have been young enough when it was sent, and
    be too old now. Its refusal ends the transaction, and would end each that tries again.
    """

    def __init__(self) -> None:
        self._refused: dict[str, int] = {}  # by topic, the least age that was, in ms
        # By topic, of what this transaction was refused: of records that were named one by one, and
        # of all that were sent together with the one that was.
        self._youngest_named: dict[str, int] = {}
        self._oldest: dict[str, int] = {}

    def take(self, topic: str, timestamp: int) -> bool:
        """Say whether Kafka has refused no record of a topic that was as young as this one."""
        refused = self._refused.get(topic)
        return refused is None or metrics.now_ms() - timestamp < refused

    def noting(self, topic: str, timestamp: int) -> Told:
        """Give what is to hear of the delivery of a record that has a time of its own."""

        def note(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                return
            if error.code() == KafkaError.INVALID_RECORD:
                named = self._youngest_named
                named[topic] = max(timestamp, named.get(topic, timestamp))
            elif error.code() == KafkaError.INVALID_TIMESTAMP:
                self._oldest[topic] = min(timestamp, self._oldest.get(topic, timestamp))

        return note

    def learn(self) -> bool:
        """Learn from a transaction that has failed; False if there was nothing new.

        Where several records were too old librdkafka names each; where one was, it names none of
        those that were sent together: that was the oldest.
        """
        learned = False
        now = metrics.now_ms()
        for topic, timestamp in (*self._youngest_named.items(), *self._oldest.items()):
            # One that lies ahead of Kafka's time does not for long.
            if timestamp < now and self.take(topic, timestamp):
                self._refused[topic] = now - timestamp
                learned = True
        self._youngest_named.clear()
        self._oldest.clear()
        return learned
