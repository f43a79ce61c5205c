"""Name and truncate what a run records so that every version of MLflow accepts it.

Names in MLflow have letters, digits, `_`, `-`, `.`, `/` and spaces, at most 250. A parameter's
value has at most 500 characters on servers before 2.8 (6,000 since), a tag's 5,000 (8,000).
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

NAME, VALUE, TAG = 250, 500, 5000
"""The maximum characters of a name, a parameter's value and a tag's value."""


def name(*parts: str) -> str:
    """Join the parts with `/`; a part that MLflow would refuse is changed, but stays unique."""
    joined = "/".join(map(_valid, parts))
    return joined if len(joined) <= NAME else f"{joined[: NAME - 9]}-{_checksum(joined)}"


def _valid(part: str) -> str:
    kept = re.sub(r"[^\w.\- ]", "_", part) if part.strip(".") else "_"
    return part if kept == part else f"{kept}-{_checksum(part)}"


def _checksum(text: str) -> str:
    """Return eight digits that distinguish `text` from others with the same valid form."""
    return f"{zlib.crc32(text.encode('utf-8', 'replace')):08x}"


def cut(text: str, most: int) -> str:
    """Return `text` as valid Unicode, with an ellipsis after at most `most` characters."""
    valid = text.encode("utf-8", "replace").decode()
    return valid if len(valid) <= most else f"{valid[: most - 1]}…"


def params(tree: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a resolved recipe, such as `data.path`, `models/pmf/train.epochs`.

    Keys without a value are left out.
    """
    found: dict[str, str] = {}
    for key, value in tree.items():
        if not _is_list_of_tables(value):
            found |= _named(_leaves({key: value}))
            continue
        for position, entry in enumerate(value):
            label = str(entry.get("name", position))
            leaves = [(dotted, text) for dotted, text in _leaves(entry) if dotted != "name"]
            found |= _named(leaves, key, label)
    return found


def params_of_model(tree: Mapping[str, Any], model: str, seed: int, fold: str) -> dict[str, str]:
    """Return the parameters of one model, such as `model.factors`, `train.epochs`, `data.use`."""
    entry = next(entry for entry in tree["models"] if entry["name"] == model)
    nested = ("loss", "train", "features")
    own = {key: value for key, value in entry.items() if key not in (*nested, "name")}
    shared = {key: tree.get(key) for key in ("data", "split", "unknown")}
    learned = {key: entry.get(key) for key in nested}
    return _named(_leaves({"model": own, **learned, **shared, "seed": seed, "fold": fold}))


def _named(leaves: Iterable[tuple[str, str]], *prefix: str) -> dict[str, str]:
    return {name(*prefix, dotted): text for dotted, text in leaves}


def _is_list_of_tables(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(entry, Mapping) for entry in value)
    )


def _leaves(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value as text, after its keys joined by dots."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{key}.")
        elif value is not None and value != "":
            yield f"{before}{key}", cut(_text(value), VALUE)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=plain)


def plain(value: object) -> object:
    """Return what JSON lacks: a mapping as a dictionary, anything else as text."""
    return dict(value) if isinstance(value, Mapping) else str(value)
