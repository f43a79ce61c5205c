"""One plugin: import it alone, take its declarations, or say why it cannot be used and what to do."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Collection, Sequence
from types import ModuleType

import attrs
import pluggy
from attrs import field, frozen

from cfplug.plugin.components import Component
from cfplug.plugin.declarations import blaming, hooks_of, register, shown_value
from cfplug.plugin.discovery import BrokenError, Candidate
from cfplug.plugin.requirements import VersionOf, install_line, unmet, versions

LIMIT = "CFPLUG_PLUGINS"
OWN = "cfplug"

HEAVY = (
    "torch",
    "fastai",
    "tensorflow",
    "jax",
    "mlflow",
    "pandas",
    "scipy",
    "sklearn",
    "pyarrow",
    "numpy",
)
"""What a manifest may not import: every command would wait for it."""


@frozen
class Plugin:
    """A plugin after loading: `state` is ok, broken or off, and `why` says why it is not ok.

    `heavy` are the modules of HEAVY that its import was the first to load; `word` is what
    CFPLUG_PLUGINS knows it by."""

    name: str
    distribution: str
    version: str
    state: str
    why: str = ""
    components: tuple[tuple[str, Component], ...] = ()
    hooks: tuple[str, ...] = ()
    milliseconds: float = 0.0
    file: str = ""
    requires: tuple[str, ...] = ()
    heavy: tuple[str, ...] = ()
    word: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})".replace(" )", ")")


@frozen
class Loader:
    """Loads candidates one at a time into `manager`.

    `limit` is what CFPLUG_PLUGINS holds already, `shared` are the names that several candidates
    bear."""

    manager: pluggy.PluginManager
    limit: str = ""
    shared: Collection[str] = ()
    version_of: VersionOf = field(factory=versions, eq=False, repr=False)

    def load(self, candidate: Candidate, earlier: Sequence[Plugin]) -> Plugin:
        """The plugin, ok or broken; `earlier` are those before it, whose names are taken."""
        started, before = time.perf_counter(), _heavy()
        try:
            plugin = self._sound(candidate, earlier)
        except BrokenError as broken:
            plugin = self._broken(candidate, broken)
        heavy = tuple(name for name in _heavy() if name not in before)
        return attrs.evolve(
            plugin, heavy=heavy, milliseconds=(time.perf_counter() - started) * 1000
        )

    def off(self, candidate: Candidate) -> Plugin:
        """The plugin that CFPLUG_PLUGINS leaves out: it is not even imported."""
        return self._bare(candidate, "off", f"switched off by {LIMIT}")

    def _bare(self, candidate: Candidate, state: str, why: str = "") -> Plugin:
        who = candidate.name, candidate.distribution, candidate.version
        word = candidate.exact_name if candidate.name in self.shared else candidate.name
        return Plugin(*who, state, why, requires=candidate.requires, word=word)

    def _sound(self, candidate: Candidate, earlier: Sequence[Plugin]) -> Plugin:
        _check_name(candidate, earlier)
        self._check_own_version(candidate)
        with contextlib.redirect_stdout(
            sys.stderr
        ):  # what a plugin prints must not end up in --json
            module = self._import(candidate)
            components = register(self.manager, candidate.name, module)
        return attrs.evolve(
            self._bare(candidate, "ok"),
            components=components,
            hooks=hooks_of(self.manager, module),
            file=str(getattr(module, "__file__", None) or ""),
        )

    def _broken(self, candidate: Candidate, broken: BrokenError) -> Plugin:
        bare = self._bare(candidate, "broken")
        switch = f"switch it off with {switching_off(self.limit, bare.word)}"
        advice = f"{broken.advice}; or {switch}" if broken.advice else switch
        return attrs.evolve(bare, why=f"plugin {bare.title} is broken: {broken.why}\n  {advice}")

    def _check_own_version(self, candidate: Candidate) -> None:
        """A plugin that was made for another cfplug is told so, before what it does not find here confuses anybody."""
        for need in unmet(candidate.requires, self.version_of, of=OWN):
            raise BrokenError(f"it needs {need}", _fitting(candidate))

    def _import(self, candidate: Candidate) -> ModuleType:
        try:
            with blaming("importing it"):
                module = candidate.load()
        except BrokenError as broken:
            if isinstance(broken.__cause__, ImportError):
                raise self._missing(candidate, broken, broken.__cause__) from broken
            raise
        if not isinstance(module, ModuleType):
            raise BrokenError(f"its entry point must name a module; it names {shown_value(module)}")
        return module

    def _missing(
        self, candidate: Candidate, broken: BrokenError, error: ImportError
    ) -> BrokenError:
        """What is to be installed: what the distribution asks for and has not, else what the import did not find."""
        if needs := list(unmet(candidate.requires, self.version_of)):
            why = "\n".join([broken.why, *(f"  it needs {need}" for need in needs)])
            return BrokenError(why, _installing([need.text for need in needs]))
        missing = (error.name or "").partition(".")[0]
        if missing == OWN:
            return attrs.evolve(broken, advice=_fitting(candidate))
        if not isinstance(error, ModuleNotFoundError) or missing in (
            "",
            candidate.module.partition(".")[0],
        ):
            return broken
        return attrs.evolve(broken, advice=_installing([missing]))


def switching_off(limit: str, *words: str) -> str:
    """The setting that leaves these out, and still does what `limit`, the one before it, did."""
    return f"{LIMIT}=" + ",".join(
        [*filter(None, [limit]), *(f"-{word}" for word in dict.fromkeys(words))]
    )


def _heavy() -> list[str]:
    return [name for name in HEAVY if name in sys.modules]


def _fitting(candidate: Candidate) -> str:
    """How to get versions of cfplug and of a plugin that were made for each other."""
    both = [OWN] if candidate.is_file else [OWN, candidate.distribution]
    return f"get versions that fit: {install_line(['--upgrade', *both])}"


def _installing(needs: Sequence[str]) -> str:
    return f"install what is missing: {install_line(needs)}"


def _check_name(candidate: Candidate, earlier: Sequence[Plugin]) -> None:
    for other in earlier:
        if other.name == candidate.name and other.state == "ok":
            advice = (
                "give the file another name" if candidate.is_file else "uninstall one of the two"
            )
            raise BrokenError(f"another plugin bears this name: {other.title}", advice)
