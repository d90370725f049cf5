"""What producers and consumers import; needs neither Faust nor RocksDB. README.md shows how."""

from streams.client import admin
from streams.client.async_publisher import AsyncPublisher
from streams.client.change import Cause, Change, Contribution, Score, SharedScore
from streams.client.publisher import About, Grant, Publisher, Share
from streams.client.read import Reader, Stored
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
    "Grant",
    "PlainscoreError",
    "Publisher",
    "Reader",
    "Score",
    "Share",
    "SharedScore",
    "Stored",
    "Subscriber",
    "Unreachable",
    "admin",
]
