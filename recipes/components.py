"""Write the list of components into README.md next to this file: `python recipes/components.py`."""

from __future__ import annotations

from pathlib import Path

from cfplug.errors import plural
from cfplug.params import parameters
from cfplug.plugin.components import KINDS
from cfplug.plugin.registry import Registry, load

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- components: begin -->", "<!-- components: end -->"


def component_list(registry: Registry) -> str:
    """Every component of cfplug's own plugins, by kind, with its parameters."""
    lines: list[str] = []
    for kind in KINDS:
        lines += [
            "",
            f"**{plural(kind)}**",
            "",
            "| name | what it is | parameters |",
            "| --- | --- | --- |",
        ]
        for entry in registry.entries(kind):
            if entry.plugin.distribution == "cfplug":
                names = ", ".join(f"`{each.name}`" for each in parameters(entry.component.params))
                lines.append(f"| `{entry.component.name}` | {entry.component.summary} | {names} |")
    return "\n".join([*lines, ""])


def with_list(text: str, registry: Registry) -> str:
    """`text` with the list between its two marks."""
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n{component_list(registry)}\n{END}{tail}"


if __name__ == "__main__":
    README.write_text(with_list(README.read_text(encoding="utf-8"), load()), encoding="utf-8")
