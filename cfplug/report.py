"""Sections -> one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

from cfplug.components import Table
from cfplug.results import Run

_TEMPLATE = "page.html.j2"


def render(run: Run, environment: Mapping[str, Any], data: str, history: Table) -> str:
    """The page of a run: its numbers, its sections, how it was trained, its recipe.

    Whatever the data holds is shown as text: every value is escaped.
    """
    from jinja2 import Environment, StrictUndefined

    pages = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    text = resources.files("cfplug").joinpath("report", _TEMPLATE).read_text(encoding="utf-8")
    return pages.from_string(text).render(run=run, environment=environment, data=data, history=history)
