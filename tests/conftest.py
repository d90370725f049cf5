"""What every test can ask for: a broker, topics of its own, and no silent skip where it counts."""

import os
from collections.abc import Generator, Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings

from streams.embedded import Broker

# How long an example takes is the machine's affair: on a busy one, good properties failed for it.
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")

# Set where every part is installed on purpose: a part that is missing then fails its tests.
STRICT = os.environ.get("NOTHING_MISSING") == "1"

# With two workers of xdist, each takes every other of these, as their tests are few. So what keeps
# the processors busy (schedules, then the wheel) is one's, and runs beside what mostly waits.
FIRST = ("test_schedules.py", "test_start_order.py", "test_wheel.py", "test_delivery_faults.py")


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """One real Kafka for the whole run: use the `prefix` of the test to keep apart from others."""
    with Broker() as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    """What the names of this test's topics begin with; nobody else's do."""
    return f"{uuid4().hex[:8]}."


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest: where files run side by side, it must not be last."""
    place = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.path.name, len(FIRST)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    return _counted(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    return _counted(report)


def _counted(report: Any) -> Any:
    """The report, failed if it was a skip that NOTHING_MISSING forbids; an xfail is none."""
    if STRICT and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"a skip counts as a failure here: {report.longrepr[2]}"
    return report
