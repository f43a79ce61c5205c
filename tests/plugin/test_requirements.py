"""What a distribution requires is compared with what is installed, as an installer would."""

from __future__ import annotations

import pytest

from cfplug.plugin import requirements
from cfplug.plugin.requirements import installed_version, unmet, unmet_lines

HERE = {"cfplug": "0.1.0", "scipy": "1.15.2", "torch": "2.13.0+cpu"}


@pytest.fixture
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have HERE installed and nothing else."""
    monkeypatch.setattr(requirements, "installed_version", HERE.get)


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
@pytest.mark.usefixtures("_here")
def test_a_requirement_that_is_met_or_does_not_apply_is_not_reported(line: str) -> None:
    assert unmet([line]) == {}


@pytest.mark.parametrize(
    ("line", "text", "instead"),
    [
        ("cfplug>=9", "cfplug>=9", "cfplug 0.1.0"),
        ("cfplug>=0.1.1", "cfplug>=0.1.1", "cfplug 0.1.0"),
        ("cfplug (<0.1)", "cfplug<0.1", "cfplug 0.1.0"),
        ("scipy!=1.15.2", "scipy!=1.15.2", "scipy 1.15.2"),
        ("nobody", "nobody", "nothing"),
        ("nobody[all]>=2; python_version > '3'", "nobody>=2", "nothing"),
    ],
)
@pytest.mark.usefixtures("_here")
def test_an_unmet_requirement_is_reported_with_what_is_installed(
    line: str, text: str, instead: str
) -> None:
    assert unmet(["scipy", line]) == {text: instead}


def test_the_version_of_an_installed_distribution_is_found() -> None:
    assert installed_version("attrs") is not None
    assert installed_version("Attrs") == installed_version("attrs")
    assert installed_version("a-package-that-no-one-has") is None
    assert installed_version("") is None


def test_the_lines_end_with_a_command_that_is_safe_in_a_shell() -> None:
    assert unmet_lines(["attrs", "no-such-package>=1"]) == [
        "  expected no-such-package>=1, got nothing",
        "  install it: python -m pip install 'no-such-package>=1'",
    ]
    assert unmet_lines(["attrs"]) == []
