"""How a plugin comes into being: a package from a template, filled in by copier, or a single file."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from cfplug.errors import CfplugError, is_one_line
from cfplug.files import writing
from cfplug.plugin.components import KINDS
from cfplug.plugin.discovery import installed
from cfplug.scaffold.editions import EditionError, Editions, undisturbed

SELF_FITTING = "self-fitting-model"
"""A model that fits itself; the kind `model` begins with one that learns by gradient."""

CHOICES = tuple(
    choice for kind in KINDS for choice in ((kind, SELF_FITTING) if kind == "model" else (kind,))
)
"""What a plugin may begin with."""

DEFAULT = ("model", "metric")
ANSWERS = ".copier-answers.yml"
TEMPLATE = Path(__file__).parent / "templates" / "plugin"
FILES = TEMPLATE.with_name("file")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = "cfplug-"


@frozen
class Names:
    """What the plugin, its distribution and its package are called: `scores`, `cfplug-scores`, `cfplug_scores`."""

    plugin: str

    @property
    def distribution(self) -> str:
        return _PREFIX + self.plugin

    @property
    def package(self) -> str:
        return self.distribution.replace("-", "_")

    @property
    def module(self) -> str:
        """The module of a plugin that is a single file."""
        return self.plugin.replace("-", "_")


@frozen
class Made:
    """A new package: its folder, and why no update of it will be possible; empty if one will be."""

    names: Names
    folder: Path
    no_updates: str = ""


def make_plugin(
    name: str,
    kinds: Sequence[str],
    out: Path,
    *,
    title: str = "",
    author: str = "",
    editions: Editions | None = None,
) -> Made:
    """A package for the plugin called `name` in a new folder under `out`, whole or not at all.

    CfplugError if the name will not do, something of that name is there, or copier is missing.
    Without git it is made all the same, but follows no template."""
    names = named(name)
    folder = out / names.distribution
    _check_free(names, names.package, folder)
    answers = {
        "name": names.plugin,
        "kinds": [kind for kind in CHOICES if kind in kinds],
        "cfplug": oldest(),
    }
    answers |= {
        key: _line(key, text) for key, text in (("title", title), ("author", author)) if text
    }
    source, tag, why = _template(editions or Editions.of_user())
    with copying("make the plugin") as copier, _whole(folder) as draft:
        leave_out = [] if tag else [ANSWERS]
        copier.run_copy(
            source, draft, data=answers, vcs_ref=tag, exclude=leave_out, defaults=True, quiet=True
        )
    return Made(names, folder, why)


def _template(editions: Editions) -> tuple[str, str | None, str]:
    """Where copier finds the template and under which tag; or the folder of the package, no tag, and why."""
    try:
        return editions.address, editions.keep(TEMPLATE, version()), ""
    except (EditionError, OSError) as error:
        return str(TEMPLATE), None, str(error)


def make_file(name: str, kind: str, out: Path) -> Path:
    """A plugin in one new file under `out`, with one component of `kind`; CfplugError as in `make_plugin`."""
    import jinja2

    names = named(name)
    file = out / f"{names.module}.py"
    _check_free(names, names.module, file)
    source = (FILES / f"{kind.replace('-', '_')}.py.jinja").read_text(encoding="utf-8")
    template = jinja2.Template(source, keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
    text = template.render(name=names.plugin, module=names.module)
    with writing(file):
        out.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    return file


# Names


def named(name: str) -> Names:
    """The names of a plugin called `name`, with or without `cfplug-` before it; CfplugError if it can bear none."""
    plugin = name.removeprefix(_PREFIX)
    if not _NAME.fullmatch(plugin):
        guess = re.sub(r"[^a-z0-9]+", "-", plugin.lower()).strip("-0123456789")
        advice = f"; did you mean {guess}?" if _NAME.fullmatch(guess) else ""
        raise CfplugError(
            f"a plugin's name is a kebab-case noun such as item-mean; is {name!r}{advice}"
        )
    if keyword.iskeyword(plugin):
        raise CfplugError(f"{plugin} is a word of Python; a plugin needs another name")
    return Names(plugin)


def _check_free(names: Names, module: str, target: Path) -> None:
    for candidate in installed():
        if candidate.name == names.plugin:
            owner = f"{candidate.distribution} {candidate.version}".strip()
            raise CfplugError(
                f"there is a plugin called {names.plugin} already, from {owner}; two cannot share a name"
            )
    if target.exists() or target.is_symlink():
        raise CfplugError(f"{target} is there already; nothing is overwritten")
    found = importlib.util.find_spec(module)
    if found is not None and found.origin is not None:
        raise CfplugError(
            f"there is a module called {module} already ({found.origin}); a plugin needs another name"
        )


def _line(key: str, text: str) -> str:
    text = text.strip().removesuffix(".")
    if not text or not is_one_line(text) or set('"\\') & set(text):
        raise CfplugError(f'{key}: must be one line of text without " and \\; is {text!r}')
    return text


def version() -> str:
    """The version of cfplug that is installed."""
    from importlib import metadata

    return metadata.version("cfplug")


def oldest() -> str:
    """The oldest version of cfplug that a plugin made now asks for: `0.1` for 0.1.3, a pre-release as it is."""
    whole = version()
    return ".".join(whole.split(".")[:2]) if re.fullmatch(r"[\d.]+", whole) else whole


# Writing


@contextmanager
def copying(what: str) -> Iterator[Any]:
    """copier, to do `what` with; CfplugError if it is missing, or with its own words if it fails."""
    try:
        import copier
        from copier.errors import CopierError
        from plumbum import ProcessExecutionError
    except ModuleNotFoundError as error:
        raise CfplugError(
            f'this needs {error.name}: python -m pip install "cfplug[author]"'
        ) from error
    try:
        with undisturbed():
            yield copier
    except (CopierError, ProcessExecutionError) as error:
        raise CfplugError(f"copier could not {what}: {error}") from error


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A draft beside `folder` that takes its name when all is done; nothing stays of it if anything fails."""
    import uuid

    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
        try:
            yield draft
            draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
