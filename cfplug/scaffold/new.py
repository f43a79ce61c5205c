"""Start a plugin from a template: a package of its own, or a single file."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import keyword
import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from attrs import frozen

from cfplug.errors import CfplugError, is_one_line
from cfplug.files import writing
from cfplug.plugin.discovery import installed

SELF_FITTING = "self-fitting-model"
"""A model with a `fit` of its own; the choice `model` is one that learns by gradient."""

CHOICES = (
    "source",
    "split",
    "model",
    SELF_FITTING,
    "loss",
    "metric",
    "cold-start",
    "analyzer",
)
"""The components that a new plugin may start with."""

DEFAULT = ("model", "metric")
PACKAGE_TEMPLATE = Path(__file__).parent / "templates" / "plugin"
FILE_TEMPLATES = PACKAGE_TEMPLATE.with_name("file")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = "cfplug-"


@frozen
class Names:
    """The names of a plugin (`scores`), its distribution (`cfplug-scores`) and its package."""

    plugin: str

    @property
    def distribution(self) -> str:
        return _PREFIX + self.plugin

    @property
    def package(self) -> str:
        return self.distribution.replace("-", "_")

    @property
    def module(self) -> str:
        """Return the module name of a plugin that is a single file."""
        return self.plugin.replace("-", "_")


def make_plugin(
    name: str, kinds: Collection[str], out: Path, *, title: str = "", author: str = ""
) -> Path:
    """Create a package for a plugin in a new folder under `out`, complete or not at all.

    Args:
        name: The plugin's name, with or without `cfplug-` in front.
        kinds: The components to start with, of `CHOICES`.
        out: The folder that gets the new one; it is created if necessary.
        title: What the plugin is, in one line.
        author: Who holds the copyright, in one line.

    Returns:
        The new folder.

    Raises:
        CfplugError: The name is invalid or taken, or `title` or `author` is not one line.
        ArtifactError: The folder cannot be written.
    """
    names = parse_name(name)
    folder = out / names.distribution
    _check_free(names, names.package, folder)
    values = {
        "name": names.plugin,
        "distribution": names.distribution,
        "package": names.package,
        "kinds": [kind for kind in CHOICES if kind in kinds],
        "title": _line("title", title or f"{names.plugin}, a plugin for cfplug"),
        "author": _line("author", author or f"the authors of {names.distribution}"),
        "cfplug": minimum_version(importlib.metadata.version("cfplug")),
    }
    texts = {target: _render(source, values) for target, source in _sources(names, kinds).items()}
    _write(folder, texts)
    return folder


def make_file(name: str, kind: str, out: Path) -> Path:
    """Create a plugin in one new file under `out`, with one component of `kind`.

    Returns:
        The new file.

    Raises:
        CfplugError: The name is invalid or taken.
        ArtifactError: The file cannot be written.
    """
    names = parse_name(name)
    file = out / f"{names.module}.py"
    _check_free(names, names.module, file)
    source = FILE_TEMPLATES / f"{kind.replace('-', '_')}.py.jinja"
    text = _render(source, {"name": names.plugin})
    with writing(file):
        out.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8", newline="\n") as target:
            target.write(text)
    return file


# Names and values


def parse_name(name: str) -> Names:
    """Return the names of a plugin called `name`, with or without `cfplug-` in front.

    Raises:
        CfplugError: `name` is not a kebab-case noun, or is a Python keyword.
    """
    plugin = name.removeprefix(_PREFIX)
    if not _NAME.fullmatch(plugin):
        guess = re.sub(r"[^a-z0-9]+", "-", plugin.lower()).strip("-0123456789")
        advice = f"; did you mean {guess}?" if _NAME.fullmatch(guess) else ""
        raise CfplugError(
            f"plugin name: expected a kebab-case noun such as item-mean, got {name!r}{advice}"
        )
    if keyword.iskeyword(plugin):
        raise CfplugError(f"plugin name: {plugin} is a Python keyword. Choose another name.")
    return Names(plugin)


def _check_free(names: Names, module: str, target: Path) -> None:
    for candidate in installed():
        if candidate.name == names.plugin:
            owner = f"{candidate.distribution} {candidate.version}".strip()
            raise CfplugError(
                f"plugin name: {owner} already has a plugin called {names.plugin}. "
                "Choose another name."
            )
    if target.exists() or target.is_symlink():
        raise CfplugError(
            f"{target}: already exists, and nothing is overwritten. "
            "Remove it or choose another name."
        )
    found = importlib.util.find_spec(module)
    if found is not None and found.origin is not None:
        raise CfplugError(
            f"plugin name: there is already a module called {module} ({found.origin}). "
            "Choose another name."
        )


def _line(key: str, text: str) -> str:
    text = text.strip().removesuffix(".")
    if not text or not is_one_line(text) or set('"\\') & set(text):
        raise CfplugError(f'{key}: expected one line of text without " and \\, got {text!r}')
    return text


def minimum_version(version: str) -> str:
    """Return the oldest cfplug that a plugin made with `version` requires.

    It is `0.1` for 0.1.3, and a pre-release as it is.
    """
    is_release = re.fullmatch(r"[\d.]+", version)
    return ".".join(version.split(".")[:2]) if is_release else version


# Templates


def _sources(names: Names, kinds: Collection[str]) -> Mapping[str, Path]:
    """Return the template of each file of a package, by the file's path in it."""
    left_out = {f"{kind.replace('-', '_')}.py.jinja" for kind in CHOICES if kind not in kinds}
    if "source" not in kinds:
        left_out.add("ratings.csv")
    sources = {}
    for source in PACKAGE_TEMPLATE.rglob("*"):
        if source.is_file() and source.name not in left_out:
            path = source.relative_to(PACKAGE_TEMPLATE).as_posix().removesuffix(".jinja")
            path = path.replace("src/package/", f"src/{names.package}/")
            path = path.replace("recipes/plugin.yaml", f"recipes/{names.plugin}.yaml")
            sources[path] = source
    return sources


def _render(source: Path, values: Mapping[str, object]) -> str:
    import jinja2

    template = jinja2.Template(
        source.read_text(encoding="utf-8"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    text: str = template.render(values)
    return text


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write `texts` by path to a draft next to `folder`, which gets its name when complete."""
    import uuid

    with writing(folder):
        draft = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
        try:
            for path, text in texts.items():
                file = draft / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8", newline="\n")
            draft.rename(folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
