"""The recipes that ship with cfplug: found by name, and all of them sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfplug.errors import CfplugError
from cfplug.plugin.registry import load
from cfplug.recipe import builtin
from cfplug.recipe.parser import parse_recipe, read_recipe


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shelf with three recipes and other files."""
    monkeypatch.setattr(builtin, "shelf", lambda: tmp_path)
    for name in ("pmf-fast.yaml", "bias.yaml", "pmf.yaml", "README.md", "pmf.yml"):
        (tmp_path / name).write_text(f"# What {name} is.\ndata: synthetic\n", encoding="utf-8")
    return tmp_path


def test_names_are_those_of_the_yaml_files_sorted(own: Path) -> None:
    assert builtin.names() == ["bias", "pmf", "pmf-fast"]


@pytest.mark.parametrize("name", ["pmf-fast", "pmf-fast.yaml"])
def test_a_recipe_is_found_with_and_without_its_ending(own: Path, name: str) -> None:
    assert builtin.find(name) == own / "pmf-fast.yaml"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pmf-fats", "no recipe called pmf-fats; did you mean pmf-fast? (cfplug recipes list)"),
        ("biass.yaml", "no recipe called biass.yaml; did you mean bias? (cfplug recipes list)"),
        ("zzz", "no recipe called zzz (cfplug recipes list)"),
        ("", "no recipe called  (cfplug recipes list)"),
        ("../secret", "no recipe called ../secret (cfplug recipes list)"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_the_nearest_one(
    own: Path, name: str, message: str
) -> None:
    (own.parent / "secret.yaml").write_text("data: synthetic\n", encoding="utf-8")
    with pytest.raises(CfplugError) as raised:
        builtin.find(name)
    assert str(raised.value) == message


def test_the_title_is_the_first_comment_or_nothing(own: Path) -> None:
    assert builtin.title(own / "pmf.yaml") == "What pmf.yaml is."
    (own / "bare.yaml").write_text("data: synthetic\n# too late\n", encoding="utf-8")
    assert builtin.title(own / "bare.yaml") == ""
    (own / "empty.yaml").write_text("", encoding="utf-8")
    assert builtin.title(own / "empty.yaml") == ""


# The shelf as it is


def test_the_recipe_of_the_chapter_is_built_in() -> None:
    assert "pmf" in builtin.names()
    assert builtin.find("pmf").parent == builtin.shelf()


@pytest.mark.parametrize("name", builtin.names())
def test_every_built_in_recipe_is_valid_and_has_a_title(name: str) -> None:
    registry = load(environment={})
    recipe = read_recipe(builtin.find(name), registry=registry)
    assert builtin.title(builtin.find(name))
    assert recipe.title != name
    assert parse_recipe(recipe.resolved(), "resolved.yaml", registry=registry) == recipe
