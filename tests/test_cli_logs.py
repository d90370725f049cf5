"""What is logged can be read by people and machines, and names nobody."""

import io
import json
import logging

import pytest
import structlog

from streams import logs


@pytest.fixture(autouse=True)
def _put_back():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def written(as_json=True, level="info"):
    to = io.StringIO()
    logs.configure(level, as_json=as_json, to=to)
    return to


def test_a_line_is_json_with_its_fields():
    to = written()
    structlog.get_logger("streams.lane").info("committed", partition=3)
    line = json.loads(to.getvalue())
    assert (line["event"], line["partition"], line["level"]) == ("committed", 3, "info")
    assert line["timestamp"].endswith("Z")


def test_nobody_is_named_and_no_secret_told():
    to = written()
    log = structlog.get_logger("streams.lane")
    log.warning("refused", citizen_id="c-1", key=b"c-1", value="x", password="hunter2")
    assert "c-1" not in to.getvalue()
    assert "hunter2" not in to.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_an_exception_is_told_by_its_place_and_not_its_message(as_json):
    to = written(as_json)
    for name in ("streams.lane", "faust.agents"):
        try:
            raise ValueError("citizen c-1 is odd")
        except ValueError:
            logging.getLogger(name).exception("Crashed")
    assert "c-1" not in to.getvalue()
    assert to.getvalue().count("ValueError") == 2
    assert "test_cli_logs.py" in to.getvalue()


def test_what_a_loud_library_puts_into_its_words_is_left_out():
    to = written()
    logging.getLogger("faust.agents").error("Crashed on %r", {"citizen_id": "c-1"})
    assert "c-1" not in to.getvalue()
    assert "Crashed on" in to.getvalue()


def test_loud_libraries_are_heard_only_from_warning_on():
    to = written()
    logging.getLogger("faust.app").info("many words")
    logging.getLogger("mode.worker").warning("trouble")
    assert "many words" not in to.getvalue()
    assert "trouble" in to.getvalue()


def test_console_lines_are_for_people():
    to = written(as_json=False)
    structlog.get_logger("streams.lane").info("committed", partition=3)
    assert "committed" in to.getvalue()
    assert "partition=3" in to.getvalue()
    assert not to.getvalue().startswith("{")
