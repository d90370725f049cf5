"""Sends records again as they were: their bytes, their headers, their own Kafka timestamp."""

from collections.abc import Sequence

from streams.client.connection import Connection
from streams.client.delivery import Delivery
from streams.errors import Unreachable
from streams.marks import MOVED
from streams.record import Record
from streams.settings import Settings
from streams.topics import full_name, place_of


def resend(chosen: Settings, records: Sequence[Record]) -> None:
    """Send records to their topics again, each to its key's partition; all are acknowledged.

    The header that marks a record as moved stays behind: its placement is right this time.
    """
    connection = Connection(chosen.brokers, chosen.kafka)
    delivery = Delivery(connection)
    partitions = delivery.topics()
    try:
        for record in records:
            name = full_name(record.topic, chosen.prefix)
            if name not in partitions:
                raise connection.missing(name)
            place = _place(record, partitions[name])
            headers = [header for header in record.headers if header[0] != MOVED]
            delivery.send(name, place, record.key, record.value, record.timestamp, headers)
        delivery.flush()
    except Unreachable as error:
        raise Unreachable(
            error.what,
            where=error.where,
            next_step="Replay them again: what arrived the first time changes nothing.",
        ) from error


def _place(record: Record, partitions: int) -> int:
    """The partition of the key's citizen; a record without a key goes where it was."""
    if record.key is None:
        return record.partition % partitions
    return place_of(record.key, partitions)
