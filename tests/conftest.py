"""Set up every test session: hypothesis profiles, and the two tiers of tests.

`make test` runs the first tier. `make test-all` runs both, with more examples of each property.
A test belongs to the second tier if it has the mark `slow`, or if `tests/slow.txt` lists its id,
its function (then every case of it) or its file. Functions and files are listed by hand.
"""

from __future__ import annotations

import gc
import importlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

# A deadline asserts on wall time, which depends on the machine and on what else it does.
# The same examples each time: a red suite is a change, not luck. `make fuzz` draws new ones.
settings.register_profile("first-tier", deadline=None, derandomize=True, max_examples=15)
settings.register_profile("all", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("fuzz", deadline=None, derandomize=False, print_blob=True)
settings.load_profile("first-tier")

SLOW_LIST = Path(__file__).with_name("slow.txt")

SLOW_FROM = 1.0
"""CPU seconds from which `--update-slow` lists a test. Below the limit, since machines differ."""


SHARED = (
    "altair",
    "fastai.collab",
    "fastai.tabular.all",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.decomposition",
    "torch._dynamo",
    "vl_convert",
)
"""What many tests import, some ten CPU seconds in all; torch needs dynamo for any optimizer."""

STARTED = pytest.StashKey[float]()
OVER_LIMIT = ("over_limit", True)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tiers")
    group.addoption(
        "--cpu-limit",
        type=float,
        default=None,
        help="Fail a test of the first tier that takes more CPU seconds than this.",
    )
    group.addoption(
        "--update-slow",
        action="store_true",
        help=f"List every test that takes over {SLOW_FROM:g} CPU seconds in tests/slow.txt.",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("update_slow") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SlowListUpdate())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the listed tests, and refuse a list that names tests that do not exist."""
    missing = set(read_slow_list())
    listed = frozenset(missing)
    for item in items:
        lines = listed & names_in_list(item.nodeid)
        if lines:
            item.add_marker(pytest.mark.slow)
            missing -= lines
    whole_suite = config.args == config.getini("testpaths")
    if whole_suite and missing and not config.getoption("update_slow"):
        raise pytest.UsageError(
            f"tests/slow.txt: {min(missing)} does not exist ({len(missing)} such lines). "
            "Remove the line, or write the list again with `make slow-list`."
        )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep the garbage collector from scanning what was imported, a tenth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    if session.config.getoption("cpu_limit") is not None:
        import_what_tests_share()


def import_what_tests_share() -> None:
    """Import the heavy libraries, so that no test is charged for being the first to need them."""
    for name in SHARED:
        importlib.import_module(name)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its finished child processes."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test that is over the limit once more: the first one pays for what others share."""
    if item.config.getoption("cpu_limit") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if any(OVER_LIMIT in report.user_properties for report in reports):
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    item.stash[STARTED] = cpu_seconds()
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[None, pytest.TestReport, pytest.TestReport]:
    """Record the CPU seconds of setup and call; fail a first-tier test that is over the limit."""
    report = yield
    if call.when != "call":
        return report
    seconds = cpu_seconds() - item.stash[STARTED]
    report.user_properties.append(("cpu_seconds", round(seconds, 3)))
    limit = item.config.getoption("cpu_limit")
    is_slow = item.get_closest_marker("slow") is not None
    if limit is not None and seconds > limit and not is_slow and report.passed:
        report.user_properties.append(OVER_LIMIT)
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid}: expected at most {limit:g} CPU seconds, took {seconds:.1f}. "
            "Make it cheaper, or mark it slow (tests/slow.txt)."
        )
    return report


class SlowListUpdate:
    """Writes tests/slow.txt again from what a session measured."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == "cpu_seconds" and isinstance(value, float):
                self.seconds[report.nodeid] = value

    def pytest_sessionfinish(self) -> None:
        kept = {line for line in read_slow_list() if line not in self.seconds}
        slow = {
            nodeid
            for nodeid, value in self.seconds.items()
            if value > SLOW_FROM and not kept & names_in_list(nodeid)
        }
        SLOW_LIST.write_text("".join(f"{line}\n" for line in sorted(kept | slow)))


def names_in_list(nodeid: str) -> set[str]:
    """Return the lines of tests/slow.txt that would list this test: file, function and id."""
    path, _, name = nodeid.partition("::")
    function = name.partition("[")[0]
    return {path, f"{path}::{function}", nodeid}


def read_slow_list() -> list[str]:
    return SLOW_LIST.read_text(encoding="utf-8").splitlines()
