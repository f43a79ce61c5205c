"""What a distribution asks for is held against what is installed, as an installer would."""

from __future__ import annotations

import pytest

from cfplug.plugin.requirements import VersionOf, install_line, installed_version, unmet

HERE = {"cfplug": "0.1.0", "scipy": "1.15.2", "torch": "2.13.0+cpu", "odd": "of no version"}


def installed(name: str) -> str | None:
    return HERE.get(name)


def told(*requires: str, of: str = "", here: VersionOf = installed) -> list[str]:
    return [str(need) for need in unmet(requires, here, of=of)]


@pytest.mark.parametrize(
    "line",
    [
        "cfplug",
        "cfplug>=0.1",
        "cfplug >= 0.1.0.0",
        "cfplug (>=0.0.9)",
        "scipy<2,>=1.13",
        "scipy~=1.15",
        "torch>=2.4",
        "torch==2.13.0+cpu",
        "nobody>=1; extra == 'plots'",
        "nobody; python_version < '3'",
        "nobody; platform_system == 'Plan 9'",
        "this is >>> no requirement",
        "nobody; no_such_variable == '1'",
        "",
    ],
)
def test_what_is_met_or_asked_of_others_is_not_told(line: str) -> None:
    assert told(line) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("cfplug>=9", "cfplug>=9, and cfplug 0.1.0 is installed"),
        ("cfplug>=0.1.1", "cfplug>=0.1.1, and cfplug 0.1.0 is installed"),
        ("cfplug (<0.1)", "cfplug<0.1, and cfplug 0.1.0 is installed"),
        ("scipy!=1.15.2", "scipy!=1.15.2, and scipy 1.15.2 is installed"),
        ("nobody", "nobody, which is not installed"),
        ("nobody[all]>=2; python_version > '3'", "nobody>=2, which is not installed"),
        ("odd>=1", "odd>=1, and odd of no version is installed"),
    ],
)
def test_what_is_not_met_is_told_with_what_is_installed(line: str, words: str) -> None:
    assert told("scipy", line) == [words]


def test_only_what_is_asked_of_one_distribution_can_be_told() -> None:
    lines = ("nobody>=1", "cfplug-x>=9", "CFplug>=0.2,<1", "cfplugs")
    assert told(*lines, of="cfplug", here=lambda name: HERE.get(name.lower())) == [
        "CFplug<1,>=0.2, and CFplug 0.1.0 is installed"
    ]


def test_versions_are_those_of_the_distributions_that_are_here() -> None:
    assert installed_version("attrs") is not None
    assert installed_version("Attrs") == installed_version("attrs")
    assert installed_version("a-package-that-no-one-has") is None
    assert installed_version("") is None


def test_the_line_that_installs_is_safe_in_a_shell() -> None:
    assert install_line(["attrs", "scipy>=1;<2"]) == "python -m pip install attrs 'scipy>=1;<2'"
