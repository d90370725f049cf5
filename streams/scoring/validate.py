"""What a page must be before anybody is scored by it; each refusal names its line and reason."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any, cast

from streams.scoring.costs import MOST_COMBINATIONS, TooManyCombinations, dearest_event
from streams.scoring.currencies import CODES
from streams.scoring.kind import LARGEST_AMOUNT, Kind
from streams.scoring.ledger import DAY
from streams.scoring.protected import protected_word
from streams.scoring.scorecard import (
    HIGHEST,
    LOWEST,
    Ageing,
    Characteristic,
    Condition,
    Measure,
    Perk,
    Scorecard,
    Tier,
    values_of,
)

Path = tuple[str | int, ...]

LARGEST_NUMBER = LARGEST_AMOUNT  # on a page: as large as one in an event
MOST_POINTS = 10_000
LATEST_VERSION = 1_000_000
MOST_ROWS = 100  # characteristics, tiers, perks; rows of a points table
# A person's row holds a total for each characteristic and period, also of its shadow and, while the
# ledger is read again, of both once more. It must fit what a changelog takes.
MOST_TOTALS = 10_000
LONGEST_ID = 40
LONGEST_TEXT = 200
LONGEST_PURPOSE = 400

_PAGE = (
    *("id", "version", "effective_from", "purpose", "currency", "base", "range", "period"),
    *("one_event_costs_at_most", "characteristics", "tiers", "perks"),
)
_CHARACTERISTIC = (
    *("id", "dimension", "reads", "measure", "max_per_event", "window", "ageing", "points"),
    "reason",
)
_WHAT_AN_EVENT_COSTS = ("reads", "where", "measure", "max_per_event", "points")
_PROMISE = ("one_event_costs_at_most",)
_TAKEN = ("base", "clamp")
_ID = re.compile(r"[a-z][a-z0-9_]*")
_NEEDED: dict[str, dict[str, str]] = {  # the fields, with their types, that a measure needs
    "count": {},
    "amount": {"amount_minor": "long", "currency": "string"},
    "quantity": {"quantity": "long"},
    "days_late": {"due_on": "date", "paid_on": "date"},
    "missed": {"due_on": "date", "paid_on": "date"},
}
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Problem:
    """One reason to refuse a page: where it stands (lines count from 1) and what is wrong."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"line {self.line}: {place}{self.what}"


class Refused(Exception):
    """A page that nobody may be scored by, with every problem in it, by line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def build(
    values: Any, kinds: Mapping[str, Kind], horizon_days: int, lines: Mapping[Path, int]
) -> Scorecard:
    """A scorecard from a page's values: mappings, lists, texts, integers, booleans and dates.

    `lines` holds the line of every value by its path. Raises Refused with all problems.
    """
    page = _Page(kinds, horizon_days, lines)
    scorecard = page.scorecard(values)
    if page.problems:
        raise Refused(page.problems)
    return scorecard


def problem_at(lines: Mapping[Path, int], path: Path, what: str) -> Problem:
    """A problem at a path, on the line of the nearest place around it that has one."""
    nearest = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in lines), None)
    written = "".join(
        f"[{part}]" if isinstance(part, int) else f".{_visible(part)}" for part in path
    )
    return Problem(written.removeprefix("."), 1 if nearest is None else lines[nearest], what)


def shown(value: Any) -> str:
    """A value as a message quotes it, cut short."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f'"{_visible(value)}"'
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int) and abs(value) > 10**20:
        return "a far larger number"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _visible(text: str) -> str:
    """A text from a page, cut short and without what could play tricks on a terminal."""
    cut = f"{text[:LONGEST_ID]}..." if len(text) > LONGEST_ID else text
    return "".join(each if each.isprintable() else "?" for each in cut)


class _Page:
    """Reads a page part by part and keeps every problem.

    A part that is wrong is noted and read as something of the right type; checks that compare
    parts ask `sound` first, so that one mistake is told once.
    """

    def __init__(
        self, kinds: Mapping[str, Kind], horizon_days: int, lines: Mapping[Path, int]
    ) -> None:
        self.kinds = kinds
        self.horizon_days = horizon_days
        self.lines = lines
        self.problems: list[Problem] = []
        self._wrong: set[Path] = set()
        self._absent: set[Path] = set()

    def refuse(self, path: Path, what: str) -> None:
        if any(path[:length] in self._absent for length in range(len(path) + 1)):
            return  # what is not there was told already, and so was all that it would hold
        self.problems.append(problem_at(self.lines, path, what))
        self._wrong.add(path)

    def refuse_all_of(self, path: Path, what: str) -> None:
        """Refuse a part that is missing, or so wrong that nothing in it can be read."""
        self.refuse(path, what)
        self._absent.add(path)

    def sound(self, *paths: Path) -> bool:
        """Whether nothing at, in or around these paths was refused."""
        return not any(
            wrong[: len(path)] == path or path[: len(wrong)] == wrong
            for wrong in self._wrong
            for path in paths
        )

    # ---- the page, part by part

    def scorecard(self, values: Any) -> Scorecard:
        page = self.fields((), values, _PAGE, optional=["shadow"])
        low, high = self.bounds(("range",), page.get("range"))
        scorecard = Scorecard(
            id=self.word(("id",), page.get("id")),
            version=self.whole(("version",), page.get("version"), 1, LATEST_VERSION),
            effective_from=self.midnight(("effective_from",), page.get("effective_from")),
            purpose=self.text(("purpose",), page.get("purpose"), LONGEST_PURPOSE),
            currency=self.currency(("currency",), page.get("currency")),
            start=self.whole(("base",), page.get("base"), LOWEST, HIGHEST),
            low=low,
            high=high,
            period_ms=self.whole(("period",), page.get("period"), 1, LARGEST_NUMBER) * DAY,
            one_event_costs_at_most=self.whole(
                _PROMISE, page.get("one_event_costs_at_most"), 0, HIGHEST - LOWEST
            ),
            shadow=self.flag(("shadow",), page.get("shadow", False)),
            characteristics=tuple(
                self.characteristic(("characteristics", place), row)
                for place, row in self.rows(("characteristics",), page.get("characteristics"), 1)
            ),
            tiers=tuple(
                self.tier(("tiers", place), row)
                for place, row in self.rows(("tiers",), page.get("tiers"), 1)
            ),
            perks=tuple(
                self.perk(("perks", place), row)
                for place, row in self.rows(("perks",), page.get("perks"), 0)
            ),
        )
        self.check_ids_are_unique(scorecard)
        self.check_base(scorecard)
        self.check_windows(scorecard)
        self.check_tables_matter(scorecard)
        self.check_tiers(scorecard)
        self.check_perks(scorecard)
        self.check_one_event(scorecard)
        return scorecard

    def bounds(self, path: Path, value: Any) -> tuple[int, int]:
        pair = list(self.rows(path, value, 2, most=2))
        if not self.sound(path):
            return LOWEST, HIGHEST
        low, high = (self.whole((*path, place), end, LOWEST, HIGHEST) for place, end in pair)
        if self.sound(path) and low >= high:
            self.refuse(path, f"must rise, and {low} to {high} does not")
        return low, high

    def characteristic(self, path: Path, value: Any) -> Characteristic:
        row = self.fields(path, value, _CHARACTERISTIC, optional=["where"])
        id_ = self.word((*path, "id"), row.get("id"))
        if id_ in _TAKEN:
            self.refuse((*path, "id"), f'"{id_}" is taken, use another id')
        reads = self.one_of((*path, "reads"), row.get("reads"), sorted(self.kinds))
        kind = self.kinds[reads] if self.sound((*path, "reads")) else None
        measure = self.one_of((*path, "measure"), row.get("measure"), _NEEDED)
        if kind and self.sound((*path, "measure")):
            for name, type_ in _NEEDED[measure].items():
                if name not in kind.fields or kind.fields[name].type != type_:
                    self.refuse(
                        (*path, "measure"), f"{measure} needs a {name}, and {kind.name} have none"
                    )
        ageing = self.one_of((*path, "ageing"), row.get("ageing"), ["flat", "linear"])
        return Characteristic(
            id=id_,
            dimension=self.word((*path, "dimension"), row.get("dimension")),
            reads=reads,
            where=self.where((*path, "where"), row["where"], kind) if "where" in row else (),
            measure=cast(Measure, measure),
            max_per_event=self.whole(
                (*path, "max_per_event"), row.get("max_per_event"), 1, LARGEST_NUMBER
            ),
            window=self.whole((*path, "window"), row.get("window"), 1, LARGEST_NUMBER),
            ageing=cast(Ageing, ageing),
            points=self.points((*path, "points"), row.get("points")),
            reason=self.text((*path, "reason"), row.get("reason"), LONGEST_TEXT),
        )

    def where(self, path: Path, value: Any, kind: Kind | None) -> tuple[Condition, ...]:
        if not isinstance(value, Mapping) or not value:
            self.refuse(path, f"must name at least one field, not {shown(value)}")
            return ()
        return tuple(
            self.condition((*path, name), name, terms, kind) for name, terms in value.items()
        )

    def condition(self, path: Path, name: str, value: Any, kind: Kind | None) -> Condition:
        possible = values_of(kind, name) if kind else ()
        if kind and possible is None:
            known = [
                each for each in ("outcome", *kind.fields) if values_of(kind, each) is not None
            ]
            self.refuse(path, f"{kind.name} have no such field to choose by{_perhaps(name, known)}")
        self.refuse_protected(path, name)
        terms = self.fields(path, value, (), optional=["in", "not_in"])
        if len(terms) != 1:
            self.refuse(path, "must hold either in or not_in, with a list of values")
        negated = "not_in" in terms
        listed = (*path, "not_in" if negated else "in")
        values: list[str] = []
        for place, row in self.rows(listed, next(iter(terms.values()), ()), 1 if terms else 0):
            at = (*listed, place)
            values.append(self.text(at, row, LONGEST_TEXT))
            if values[-1] in values[:-1] and self.sound(at):
                self.refuse(at, f"{shown(row)} stands here twice")
            if possible and values[-1] not in possible and self.sound(at):
                self.refuse(at, f"{shown(row)} is not among {_listed(possible)}")
            self.refuse_protected(at, values[-1])
        return Condition(name, frozenset(values), negated)

    def points(self, path: Path, value: Any) -> tuple[tuple[int, int], ...]:
        table: list[tuple[int, int]] = []
        for place, row in self.rows(path, value, 1):
            at = (*path, place)
            pair = [each for _, each in self.rows(at, row, 2, most=2)]
            if not self.sound(at):
                continue
            total = self.whole((*at, 0), pair[0], 0, LARGEST_NUMBER)
            points = self.whole((*at, 1), pair[1], -MOST_POINTS, MOST_POINTS)
            if place == 0 and self.sound(at) and (total, points) != (0, 0):
                self.refuse(at, f"the first must be [0, 0], not [{total}, {points}]")
            elif table and self.sound(at) and total <= table[-1][0]:
                self.refuse(at, f"the totals must rise, and {total} follows {table[-1][0]}")
            table.append((total, points))
        return tuple(table)

    def tier(self, path: Path, value: Any) -> Tier:
        row = self.fields(path, value, ["id", "from"])
        return Tier(
            id=self.word((*path, "id"), row.get("id")),
            start=self.whole((*path, "from"), row.get("from"), LOWEST, HIGHEST),
        )

    def perk(self, path: Path, value: Any) -> Perk:
        row = self.fields(path, value, ["id", "tier", "text"])
        text = self.text((*path, "text"), row.get("text"), LONGEST_TEXT)
        if self.sound((*path, "text")) and not text.startswith(("You can ", "You get ")):
            self.refuse(
                (*path, "text"), "must begin with You can or You get: a perk takes nothing away"
            )
        return Perk(
            id=self.word((*path, "id"), row.get("id")),
            tier=self.word((*path, "tier"), row.get("tier")),
            text=text,
        )

    # ---- what the parts must be together

    def check_ids_are_unique(self, scorecard: Scorecard) -> None:
        for name in ("characteristics", "tiers", "perks"):
            seen: set[str] = set()
            for place, part in enumerate(getattr(scorecard, name)):
                path = (name, place, "id")
                if self.sound(path) and part.id in seen:
                    self.refuse(path, f'"{part.id}" is the id of another one already')
                seen.add(part.id)

    def check_base(self, card: Scorecard) -> None:
        if self.sound(("base",), ("range",)) and not card.low <= card.start <= card.high:
            self.refuse(
                ("base",), f"{card.start} lies outside of the range {card.low} to {card.high}"
            )

    def check_windows(self, scorecard: Scorecard) -> None:
        days = scorecard.period_ms // DAY
        for place, characteristic in enumerate(scorecard.characteristics):
            path = ("characteristics", place, "window")
            needed = (characteristic.window + 1) * days
            if self.sound(path, ("period",)) and needed > self.horizon_days:
                self.refuse(
                    path,
                    f"{characteristic.window} periods and one more are {needed} days, "
                    f"and events are kept for {self.horizon_days}",
                )
        totals = sum(each.window for each in scorecard.characteristics)
        if self.sound(("characteristics",), ("period",)) and totals > MOST_TOTALS:
            self.refuse(
                ("characteristics",),
                f"their windows are {totals} periods together, and {MOST_TOTALS} at most "
                "can be kept of a person, use longer periods",
            )

    def check_tables_matter(self, card: Scorecard) -> None:
        for place, characteristic in enumerate(card.characteristics):
            path = ("characteristics", place, "points")
            points = [each for _, each in characteristic.points]
            if not self.sound(path):
                continue
            if set(points) == {0}:
                self.refuse(path, "changes no points whatever the total, leave it out")
            elif self.sound(("base",), ("range",)):
                scores = {min(max(card.start + each, card.low), card.high) for each in points}
                if scores == {card.start}:
                    self.refuse(
                        path,
                        f"can move no score: from {card.start} every step lies "
                        f"outside of the range {card.low} to {card.high}",
                    )

    def check_tiers(self, scorecard: Scorecard) -> None:
        below: Tier | None = None
        for place, tier in enumerate(scorecard.tiers):
            path = ("tiers", place, "from")
            if not self.sound(path, ("range",)):
                continue
            if place == 0 and tier.start != scorecard.low:
                self.refuse(
                    path, f"the first tier must begin where the range does, at {scorecard.low}"
                )
            elif tier.start > scorecard.high:
                self.refuse(
                    path, f"{tier.start} lies above the range, which ends at {scorecard.high}"
                )
            elif below and tier.start <= below.start:
                self.refuse(path, f"tiers must rise, and {tier.start} follows {below.start}")
            below = tier

    def check_perks(self, scorecard: Scorecard) -> None:
        tiers = [tier.id for tier in scorecard.tiers]
        for place, perk in enumerate(scorecard.perks):
            path = ("perks", place, "tier")
            if self.sound(path, ("tiers",)) and perk.tier not in tiers:
                self.refuse(
                    path, f"there is no tier {shown(perk.tier)}{_perhaps(perk.tier, tiers)}"
                )

    def check_one_event(self, scorecard: Scorecard) -> None:
        if not self.sound(_PROMISE, ("currency",)):
            return
        promised = scorecard.one_event_costs_at_most
        weighed: dict[str, list[Characteristic]] = {}
        for place, characteristic in enumerate(scorecard.characteristics):
            row = ("characteristics", place)
            if self.sound(*((*row, name) for name in _WHAT_AN_EVENT_COSTS)):
                weighed.setdefault(characteristic.reads, []).append(characteristic)
        for kind, characteristics in weighed.items():
            try:
                cost = dearest_event(self.kinds[kind], characteristics, scorecard.currency)
            except TooManyCombinations:
                self.refuse(
                    ("characteristics",),
                    f"the conditions on {kind} tell more than {MOST_COMBINATIONS} sorts of event "
                    "apart, too many to find the one that costs most, use fewer",
                )
                continue
            if cost.points > promised:
                parts = " and ".join(f"{points} by {id_}" for id_, points in cost.falls)
                self.refuse(
                    _PROMISE,
                    f"one event of {kind} can cost {cost.points} points ({parts}), "
                    f"more than the {promised} promised",
                )

    # ---- single values

    def fields(
        self, path: Path, value: Any, required: Collection[str], optional: Collection[str] = ()
    ) -> Mapping[str, Any]:
        """A mapping with these fields and no others."""
        if not isinstance(value, Mapping):
            self.refuse_all_of(path, f"must be a mapping of fields, not {shown(value)}")
            return {}
        known = [*required, *optional]
        for name in value:
            if name not in known:
                self.refuse((*path, name), f"unknown field{_perhaps(name, known)}")
        for name in required:
            if name not in value:
                self.refuse_all_of((*path, name), "is missing")
        return {name: value[name] for name in known if name in value}

    def rows(
        self, path: Path, value: Any, least: int, most: int = MOST_ROWS
    ) -> Iterator[tuple[int, Any]]:
        """A list's parts with their places; refused whole if too short or too long."""
        if not isinstance(value, list | tuple):
            self.refuse_all_of(path, f"must be a list, not {shown(value)}")
        elif not least <= len(value) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            self.refuse_all_of(path, f"must be a list of {wanted}, not of {len(value)}")
        else:
            yield from enumerate(value)

    def whole(self, path: Path, value: Any, least: int, most: int) -> int:
        if type(value) is int and least <= value <= most:
            return value
        self.refuse(path, f"must be a whole number from {least} to {most}, not {shown(value)}")
        return least

    def flag(self, path: Path, value: Any) -> bool:
        if not isinstance(value, bool):
            self.refuse(path, f"must be true or false, not {shown(value)}")
        return value is True

    def text(self, path: Path, value: Any, most: int) -> str:
        if not isinstance(value, str):
            self.refuse(path, f"must be a text, not {shown(value)}")
            return ""
        if not value.strip():
            self.refuse(path, "must not be empty")
        elif len(value) > most:
            self.refuse(path, f"must be no longer than {most} characters, and has {len(value)}")
        elif not value.isprintable():
            self.refuse(path, "must be one line, without characters that nobody can see")
        return value

    def word(self, path: Path, value: Any) -> str:
        """An id or a dimension."""
        if not isinstance(value, str) or not _ID.fullmatch(value) or len(value) > LONGEST_ID:
            self.refuse(
                path,
                f"must be a short word of a-z, 0-9 and _ that begins with a letter, "
                f"not {shown(value)}",
            )
        if not isinstance(value, str):
            return ""
        self.refuse_protected(path, value)
        return value

    def refuse_protected(self, path: Path, text: str) -> None:
        word = protected_word(text)
        if word:
            self.refuse(path, f'"{word}" is something that nobody is scored by')

    def one_of(self, path: Path, value: Any, allowed: Collection[str]) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        self.refuse(path, f"must be {_listed(allowed)}, not {shown(value)}")
        return next(iter(allowed), "")

    def currency(self, path: Path, value: Any) -> str:
        if isinstance(value, str) and value in CODES:
            return value
        self.refuse(path, f"must be a currency code of ISO 4217 such as USD, not {shown(value)}")
        return ""

    def midnight(self, path: Path, value: Any) -> int:
        """The first millisecond, UTC, of a date."""
        if type(value) is date:
            return (value - _EPOCH).days * DAY
        self.refuse(
            path, f"must be a date such as 2024-01-31, without quotes or a time, not {shown(value)}"
        )
        return 0


def _listed(words: Collection[str]) -> str:
    *first, last = words or ("none",)
    return f"{', '.join(first)} or {last}" if first else last


def _perhaps(word: Any, known: Collection[str]) -> str:
    close = get_close_matches(str(word), known, n=1)
    return f", perhaps {close[0]}" if close else f", it can be {_listed(known)}"
