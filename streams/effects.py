"""Effects on their way out: changes, what audiences see of them, and the latest scores."""

from binascii import hexlify
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Protocol

from streams.codec import encode, pack
from streams.outcome import Outcome, add
from streams.scoring.change import Change, Closed, Disclosure, Effect
from streams.scoring.citizen import Citizen
from streams.topics import audience_topic


class Out(Protocol):
    """Where output goes; a partition that is None is the batch's own."""

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp: int | None = None,
    ) -> None:
        """Send a record with the transaction."""

    def takes(self, topic: str, timestamp: int) -> bool:
        """Say whether Kafka takes a record of this Kafka time, as far as is known."""


class Effects:
    """Sends a batch's effects, and counts them into its outcome."""

    def __init__(self, out: Out, outcome: Outcome) -> None:
        self._out = out
        self._outcome = outcome
        # What to write of a score, as its schema has it; None: it has ended.
        self._scores: dict[tuple[str, str], tuple[Any, ...] | None] = {}

    def emit(self, citizen: Citizen, effects: Iterable[Effect]) -> None:
        """Send what moved; of a latest score only the last is sent, by `send_scores`."""
        key = citizen.id.encode()
        for effect in effects:
            if isinstance(effect, Change):
                self._change(citizen, key, effect)
            elif isinstance(effect, Closed):
                self._scores[citizen.id, effect.scorecard] = None
                add(self._outcome.tiers, (effect.scorecard, effect.tier), -1)
            else:
                self._disclosure(citizen, key, effect)

    def _change(self, citizen: Citizen, key: bytes, change: Change) -> None:
        scorecard, shadow = change.account
        topic = "score-changes.shadow" if shadow else "score-changes"
        self._out.produce(topic, key, _with_change_id(encode_change(citizen, change)))
        add(self._outcome.changes, (scorecard, change.cause.kind), 1)
        if shadow:
            return
        if change.tier != change.previous_tier:
            add(self._outcome.tiers, (scorecard, change.tier), 1)
            if change.previous_tier is not None:
                add(self._outcome.tiers, (scorecard, change.previous_tier), -1)
        self._scores[citizen.id, scorecard] = (
            citizen.id,
            scorecard,
            change.version,
            change.score,
            change.tier,
            change.perks,
            change.sequence,
            change.as_of,
        )

    def _disclosure(self, citizen: Citizen, key: bytes, seen: Disclosure) -> None:
        values = (citizen.id, seen.scorecard, seen.tier, seen.score, seen.ended)
        topic = audience_topic(seen.audience).name
        self._out.produce(topic, key, encode(topic, values))

    def send_scores(self) -> None:
        """Send the latest of every score that has moved."""
        for (citizen_id, scorecard), score in self._scores.items():
            value = None if score is None else encode("scores", score)
            self._out.produce("scores", pack(citizen_id, scorecard), value)


def encode_change(citizen: Citizen, change: Change) -> bytes:
    """Write a change as its topic has it, with an empty change_id."""
    values = (
        "",
        citizen.id,
        change.account.scorecard,
        change.version,
        citizen.since,
        change.sequence,
        change.as_of,
        change.previous_score,
        change.score,
        change.previous_tier,
        change.tier,
        (change.cause.kind, change.cause.id),
        change.contributions,
        change.reasons,
    )
    return encode("score-changes", values)


def _with_change_id(encoded: bytes) -> bytes:
    """Put the id of a change, a hash of all the rest of it, into its first and empty field."""
    head, rest = encoded[:5], encoded[6:]
    change_id = hexlify(blake2b(rest, digest_size=16).digest())
    return b"".join((head, _ID_LENGTH, change_id, rest))


_ID_LENGTH = bytes((2 * 32,))  # as Avro writes it
