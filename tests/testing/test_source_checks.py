"""Every broken source of the zoo fails the checks meant for it, and no other."""

from __future__ import annotations

import atexit
import functools
import os
import random
import shutil
import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest

from cfplug.testing import Item
from cfplug.testing.checks.sources import CHECKS
from cfplug.testing.fixtures.isolation import OfflineError, in_another_folder, offline, seeded
from tests.testing.catching import (
    Expected,
    assert_every_check_fails,
    assert_fails,
    failures,
    items_of,
)

EXPECTED: Expected = {
    "plugin": {},
    "source/sound": {},
    "source/sound-file": {},
    "source/sound-download": {},
    "source/two-rows-for-one-id": {
        "one-row-for-each-id": "users: expected one row for user 3, got 2"
    },
    "source/lost-item": {"one-row-for-each-id": "items: expected a row for item 40 of the ratings"},
    "source/rated-twice": {
        "no-pair-twice": (
            "ratings: expected one rating of item 4 by user 2, got 2 (pairs with several: 1). "
            "See cfplug.merge_repeats."
        )
    },
    "source/off-the-scale": {"ratings-on-the-scale": "rating in row 3: expected 1 to 5, got 0"},
    "source/between-levels": {"ratings-on-the-scale": ""},
    "source/wrong-role": {"every-column-has-its-role": ""},
    "source/roleless": {"every-column-has-its-role": ""},
    "source/torn-fold": {"folds-are-complete": ""},
    "source/different-each-time": {"repeatable": ""},
    "source/in-any-order": {"repeatable": ""},
    "source/asks-each-time": {
        "offline-once-cached": (
            "read again without a network: expected no error, got OfflineError: there is no "
            "network: a check has switched it off. Keep downloads in a cache, and look there first."
        )
    },
    "source/here-alone": {"same-from-any-folder": ""},
    "source/gives-a-table": {
        "gives-a-dataset": (
            "read: expected a Dataset, got DataFrame. Return cfplug.Dataset.build(...)."
        )
    },
}


@functools.cache
def items_by_component() -> dict[str, list[Item]]:
    """Return the checks, with a relative path, which an author may give, for `sound-file`."""
    file = Path(tempfile.mkdtemp(prefix="cfplug-tests-")) / "ratings.txt"
    file.write_text("3\n4\n5\n1\n")
    atexit.register(shutil.rmtree, file.parent)
    params = {"source/sound-file": {"path": os.path.relpath(file)}}
    return items_of("mutant-sources", params=params)


def test_the_table_has_every_mutant() -> None:
    assert set(EXPECTED) == set(items_by_component())


@pytest.mark.parametrize("mutant", EXPECTED)
def test_mutant_fails_only_the_checks_meant_for_it(mutant: str) -> None:
    assert_fails(items_by_component()[mutant], EXPECTED[mutant])


def test_every_check_has_a_mutant() -> None:
    assert_every_check_fails(CHECKS, EXPECTED)


def test_missing_file_is_reported_with_its_absolute_path() -> None:
    messages = failures(items_of("mutant-sources")["source/sound-file"])
    path = str(Path("ratings.txt").absolute())
    expected = f"FileNotFoundError: [Errno 2] No such file or directory: {path!r}"
    assert messages["gives-a-dataset"] == expected


def test_generators_network_and_folder_are_restored() -> None:
    before = process_state()
    with seeded(1), offline(), in_another_folder():
        random.random(), np.random.random()
        assert os.getcwd() != before[-1]
        with pytest.raises(OfflineError):
            socket.create_connection(("127.0.0.1", 9))
    assert process_state() == before


def process_state() -> tuple[object, ...]:
    generators = random.getstate(), np.random.get_state()[1].tolist()
    network = socket.create_connection, socket.getaddrinfo, vars(socket.socket).get("connect")
    return *generators, *network, os.getcwd()
