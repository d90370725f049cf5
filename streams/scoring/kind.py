"""A kind of event and its fields, as scorecards may read them."""

from dataclasses import dataclass
from typing import Literal

LARGEST_AMOUNT = 10**12  # of an event, in minor units, or its quantity


@dataclass(frozen=True)
class Field:
    """A field of a kind: its type, an enum's symbols, what stands for it when left out."""

    type: Literal["string", "long", "enum", "date"]
    symbols: tuple[str, ...] = ()
    default: str | int | None = None
    nullable: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of event: its topic's name, and every field that only events of this kind have."""

    name: str
    fields: dict[str, Field]
