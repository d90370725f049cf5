"""Published pages: YAML text in, a scorecard out, or every reason why not with its line.

Of YAML only what a page needs is read: no aliases, no tags, one document, each field once, whole
numbers in plain digits. A page that two programs could read differently is refused.
"""

import hashlib
import re
from datetime import date
from importlib.resources import files
from typing import Any

import yaml

from streams.errors import BadData
from streams.kinds import kinds
from streams.scoring.scorecard import Scorecard
from streams.scoring.validate import Path, Problem, Refused, build, problem_at, shown

HORIZON_DAYS = 750  # how long a ledger keeps an event, unless a worker is set otherwise
LARGEST_PAGE = 60_000  # bytes; a record of it stays under 64 KiB
_DEEPEST = 8  # a page needs 6: where -> a field -> in -> a value
_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read(text: str | bytes, horizon_days: int = HORIZON_DAYS) -> Scorecard:
    """Read a page as a scorecard; BadData lists all that is wrong, as `line N: path: what`."""
    lines: dict[Path, int] = {}
    try:
        problems, values = _values(text, lines)
        try:
            scorecard = build(values, kinds(), horizon_days, lines)
        except Refused as refused:
            unreadable = {problem.path for problem in problems}
            problems += [each for each in refused.problems if each.path not in unreadable]
        if problems:
            raise Refused(problems)
    except Refused as refused:
        listed = "".join(f"\n  {problem}" for problem in refused.problems)
        raise BadData(
            "The scorecard is refused", next_step=f"Mend these lines:{listed}"
        ) from refused
    return scorecard


def example(name: str) -> str:
    """The text of an example page: everyday or rider."""
    return files("schemas").joinpath("scorecards", f"{name}.yaml").read_text(encoding="utf-8")


def digest(text: str) -> str:
    """SHA-256 of a page's text in UTF-8, in lower-case hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _values(text: str | bytes, lines: dict[Path, int]) -> tuple[list[Problem], Any]:
    """A page's values, what could not be read as one, and (in `lines`) where each stands.

    Raises Refused for a text that is no page at all.
    """
    text = _decoded(text)
    try:
        node = yaml.compose(text, Loader=_Page)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _refused(line, "a character stands here that no text may hold") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise _refused(line, f"this is not YAML: {error.problem or error.context}") from error
    except (ValueError, OverflowError) as error:  # PyYAML's own slip; it doesn't say where
        raise _refused(1, "this is not YAML: an escape or a version is out of bounds") from error
    if node is None:
        raise _refused(1, "the page is empty")
    page = _Reading(lines)
    return page.problems, page.value(node, ())


def _decoded(text: str | bytes) -> str:
    encoded = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(encoded) > LARGEST_PAGE:
        raise _refused(1, f"a page has at most {LARGEST_PAGE} bytes, and this has {len(encoded)}")
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError as error:
        line = encoded.count(b"\n", 0, error.start) + 1
        raise _refused(line, "the text is not UTF-8 here, save it as UTF-8") from error


class _Page(yaml.SafeLoader):
    """Refuses what no page needs before a tree is made of it: aliases and depth could make that too
    big.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def get_event(self) -> yaml.Event:
        event: yaml.Event = super().get_event()  # type: ignore[no-untyped-call]
        tag = getattr(event, "tag", None)
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused(line, "anchors (&) and aliases (*) are not read, write the part out")
        if tag:
            raise _refused(line, f"tags such as {shown(tag)} are not read, leave it out")
        if isinstance(event, yaml.CollectionStartEvent):
            self._depth += 1
        if isinstance(event, yaml.CollectionEndEvent):
            self._depth -= 1
        if self._depth > _DEEPEST:
            raise _refused(line, f"parts lie more than {_DEEPEST} deep in each other here")
        return event


def _refused(line: int, what: str) -> Refused:
    return Refused([Problem("", line, what)])


class _Reading:
    """Turns nodes into values; what is not a value of a page is noted and read as its text."""

    def __init__(self, lines: dict[Path, int]) -> None:
        self.lines = lines
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        match node:
            case yaml.MappingNode():
                return self.mapping(node, path)
            case yaml.SequenceNode():
                return [self.value(each, (*path, place)) for place, each in enumerate(node.value)]
            case yaml.ScalarNode():
                return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, node_of_value in node.value:
            line = key.start_mark.line + 1
            if key.tag != _TAG + "str":
                raw = key.value if isinstance(key, yaml.ScalarNode) else "a list or a mapping"
                self.problems.append(Problem("", line, f"{shown(raw)} is no name of a field"))
                continue
            name, place = key.value, (*path, key.value)
            if name in values:
                written = problem_at({}, place, "").path
                self.problems.append(Problem(written, line, "stands here a second time"))
                continue
            self.lines[place] = line
            values[name] = self.value(node_of_value, place)
        return values

    def scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        written = node.value
        match node.tag.removeprefix(_TAG):
            case "str":
                return written
            case "null":
                return None
            case "bool" if written in ("true", "false"):
                return written == "true"
            case "bool":
                self.note(path, f"{shown(written)} is a yes or no in YAML, put a text in quotes")
            case "int" if _WHOLE.fullmatch(written):
                return int(written)
            case "int" | "float":
                self.note(path, f"{shown(written)} is not a whole number in plain digits")
            case "timestamp" if _DATE.fullmatch(written):
                try:
                    return date.fromisoformat(written)
                except ValueError:
                    self.note(path, f"there is no day {written}")
            case "timestamp":
                self.note(path, f"{shown(written)} is not a date such as 2024-01-31")
            case _:
                self.note(path, f"{shown(written)} means something of its own in YAML, use quotes")
        return written

    def note(self, path: Path, what: str) -> None:
        self.problems.append(problem_at(self.lines, path, what))
