"""What producers and consumers import; needs neither Faust nor RocksDB. README.md shows how."""

from streams.client.change import Cause, Change, Contribution, SharedScore
from streams.client.publisher import About, AsyncPublisher, Grant, Publisher, Share
from streams.client.read import Entry, Reader, Stored
from streams.client.subscriber import Subscriber
from streams.errors import BadData, BadUsage, PlainscoreError, Unreachable

__all__ = [
    "About",
    "AsyncPublisher",
    "BadData",
    "BadUsage",
    "Cause",
    "Change",
    "Contribution",
    "Entry",
    "Grant",
    "PlainscoreError",
    "Publisher",
    "Reader",
    "Share",
    "SharedScore",
    "Stored",
    "Subscriber",
    "Unreachable",
]
