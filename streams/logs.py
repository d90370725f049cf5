"""What a worker logs: JSON for machines, lines for people, and nobody's id in either."""

import logging
import sys
import traceback
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

# Fields that may name a person, or open a door. Whoever logs one gets this in its place.
HIDDEN = "(hidden)"
NEVER = frozenset(
    {"citizen", "citizen_id", "id", "event_id", "dispute_id", "correction_id", "about"}
    | {"key", "value", "headers", "record", "statement", "kafka"}
    | {"password", "secret", "token", "authorization", "sasl"}
)
# Libraries that say much at info, and may put a record's content into what they say.
LOUD = ("faust", "mode", "aiohttp", "asyncio", "librdkafka", "jgo", "urllib3")


def configure(
    level: str = "info", *, as_json: bool | None = None, to: TextIO | None = None
) -> None:
    """Send every log of this process, also of libraries, to `to` (stderr) in one form.

    `as_json` None: JSON unless `to` is a terminal. Called once, before Faust's app is made: Faust,
    left to itself, sets the root logger to DEBUG, which costs a third of the speed.
    """
    to = to or sys.stderr
    as_json = not to.isatty() if as_json is None else as_json
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_people,
        frames_only,
    ]
    last: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=to.isatty(), exception_formatter=_plain)
    )
    lines = logging.StreamHandler(to)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[words_only, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level.upper())
    for name in LOUD:
        loud = logging.getLogger(name)
        loud.handlers.clear()
        loud.propagate = True
        loud.setLevel(
            max(logging.WARNING, root.level) if root.level > logging.DEBUG else root.level
        )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def words_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Of a loud library's message keep the words, and not the values that it puts into them."""
    record = event.get("_record")
    if record is not None and record.name.partition(".")[0] in LOUD:
        event["event"] = str(record.msg)
    return event


def hide_people(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put `(hidden)` in place of every field that may name a person or hold a secret."""
    for name in event.keys() & NEVER:
        event[name] = HIDDEN
    return event


def frames_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Tell where an exception came from, without its message: messages repeat values."""
    exception = _exception(event.pop("exc_info", None))
    if exception is not None:
        frames = traceback.extract_tb(exception.__traceback__)
        event["exception"] = type(exception).__qualname__
        event["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
    return event


def _exception(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        found: BaseException | None = given[1]
        return found
    return sys.exc_info()[1] if given else None


def _plain(to: TextIO, exc_info: ExcInfo) -> None:
    to.write(exc_info[0].__qualname__)
