"""How is what a run says named and cut so that every MLflow takes it?

MLflow's names hold letters, digits, `_`, `-`, `.`, `/` and spaces, 250 at most. A parameter's value
has 500 characters at most on servers before 2.8 (6,000 since), a tag's 5,000 (8,000)."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

NAME, VALUE, TAG = 250, 500, 5000
"""How many characters a name, a parameter's value and a tag's value may have."""


def name(*parts: str) -> str:
    """The parts with `/` between them; a part that MLflow would refuse is changed, and still is like no other."""
    whole = "/".join(map(_sound, parts))
    return whole if len(whole) <= NAME else f"{whole[: NAME - 9]}-{_mark(whole)}"


def _sound(part: str) -> str:
    kept = re.sub(r"[^\w.\- ]", "_", part) if part.strip(".") else "_"
    return part if kept == part else f"{kept}-{_mark(part)}"


def _mark(text: str) -> str:
    """Eight digits by which `text` can be told from others that look like it."""
    return f"{zlib.crc32(text.encode('utf-8', 'replace')):08x}"


def cut(text: str, most: int) -> str:
    """The text, its end replaced by an ellipsis where it has more than `most` characters; always sound Unicode."""
    sound = text.encode("utf-8", "replace").decode()
    return sound if len(sound) <= most else f"{sound[: most - 1]}…"


def params(tree: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a resolved recipe: `data.path`, `models/pmf/train.epochs`. What is not set is left out."""
    found: dict[str, str] = {}
    for key, value in tree.items():
        if _holds_tables(value):
            for position, entry in enumerate(value):
                label = str(entry.get("name", position))
                found |= {
                    name(key, label, dotted): text
                    for dotted, text in _leaves(entry)
                    if dotted != "name"
                }
        else:
            found |= {name(dotted): text for dotted, text in _leaves({key: value})}
    return found


def params_of_model(tree: Mapping[str, Any], model: str, seed: int, fold: str) -> dict[str, str]:
    """What made one model: `model.factors`, `loss.use`, `train.epochs`, `data.use`, `split.valid`, `seed`, `fold`."""
    entry = next(entry for entry in tree["models"] if entry["name"] == model)
    apart = ("loss", "train", "features")
    own = {key: value for key, value in entry.items() if key not in (*apart, "name")}
    shared = {key: tree.get(key) for key in ("data", "split", "unknown")}
    learned = {key: entry.get(key) for key in apart}
    return {
        name(dotted): text
        for dotted, text in _leaves({"model": own, **learned, **shared, "seed": seed, "fold": fold})
    }


def _holds_tables(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(entry, Mapping) for entry in value)
    )


def _leaves(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Every value in words, under its keys with dots between them."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{key}.")
        elif value is not None and value != "":
            yield f"{before}{key}", cut(_words(value), VALUE)


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=plain)


def plain(value: object) -> object:
    """What JSON cannot say by itself: a read-only table as a dictionary, anything else as text."""
    return dict(value) if isinstance(value, Mapping) else str(value)
