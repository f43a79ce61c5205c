"""Every broken source of the zoo is caught by the checks meant for it, and by no other."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

import numpy as np
import pytest

from cfplug.testing.checks.sources import CHECKS
from cfplug.testing.fixtures.isolation import OfflineError, in_another_folder, offline, shaken
from tests.testing.catching import caught, items_of, told

EXPECTED: dict[str, set[str]] = {
    "sound": set(),
    "sound-file": set(),
    "sound-download": set(),
    "two-rows-for-one-id": {"one-row-for-each-id"},
    "lost-item": {"one-row-for-each-id"},
    "rated-twice": {"no-pair-twice"},
    "off-the-scale": {"ratings-on-the-scale"},
    "between-levels": {"ratings-on-the-scale"},
    "wrong-role": {"every-column-has-its-role"},
    "roleless": {"every-column-has-its-role"},
    "torn-fold": {"folds-are-whole"},
    "different-each-time": {"repeatable"},
    "in-any-order": {"repeatable"},
    "asks-each-time": {"offline-once-cached"},
    "here-alone": {"same-from-any-folder"},
    "gives-a-table": {"gives-a-dataset"},
}


@pytest.fixture
def params(tmp_path: Path) -> dict[str, dict[str, str]]:
    """A path that is not absolute: it is the author's, and no fault of the source."""
    (tmp_path / "ratings.txt").write_text("3\n4\n5\n1\n")
    return {"source/sound-file": {"path": os.path.relpath(tmp_path / "ratings.txt")}}


def test_each_broken_source_is_caught_by_the_checks_meant_for_it_and_by_no_other(params) -> None:
    found = caught(items_of("mutant-sources", params))
    assert found == {
        "plugin": set(),
        **{f"source/{name}": checks for name, checks in EXPECTED.items()},
    }


def test_every_check_catches_some_broken_source() -> None:
    assert set.union(*EXPECTED.values()) == {check.name for check in CHECKS}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two-rows-for-one-id/one-row-for-each-id", "users has 2 rows for the user 3; keep one"),
        (
            "rated-twice/no-pair-twice",
            "user 2 rated item 4 2 times; 1 pairs in all; see cfplug.data.dataset.merge_repeats",
        ),
        (
            "asks-each-time/offline-once-cached",
            "without a network, having been read before, it raised OfflineError: there is no network: a contract check "
            "has switched it off; keep what was downloaded in a cache, and look there first",
        ),
        (
            "sound-file/gives-a-dataset",
            "FileNotFoundError: [Errno 2] No such file or directory: 'PLACE'",
        ),
        (
            "gives-a-table/gives-a-dataset",
            "read gave DataFrame, not a Dataset; return cfplug.Dataset.build(...)",
        ),
    ],
)
def test_a_broken_law_says_what_was_found_and_what_to_do(name: str, words: str) -> None:
    expected = words.replace("PLACE", str(Path("ratings.txt").absolute()))
    assert told(items_of("mutant-sources"), f"source/{name}") == expected


def test_what_a_check_takes_away_it_gives_back() -> None:
    state, drawn, folder = random.getstate(), np.random.get_state()[1].tolist(), os.getcwd()
    own = [vars(socket.socket).get("connect"), socket.create_connection, socket.getaddrinfo]
    with shaken(1), offline(), in_another_folder():
        random.random(), np.random.random()
        assert os.getcwd() != folder
        with pytest.raises(OfflineError):
            socket.create_connection(("127.0.0.1", 9))
    assert (random.getstate(), np.random.get_state()[1].tolist(), os.getcwd()) == (
        state,
        drawn,
        folder,
    )
    assert own == [vars(socket.socket).get("connect"), socket.create_connection, socket.getaddrinfo]
