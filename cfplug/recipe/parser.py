"""YAML text -> a checked, frozen Recipe. Checking is total: every problem in one pass, in the order of the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import attrs
from attrs import frozen

from cfplug.errors import Place, Problem, RecipeError, did_you_mean, nearest, shown
from cfplug.plugin.components import DISTRIBUTION, Analyzer, ColdStart, Metric
from cfplug.plugin.registry import Registry, load
from cfplug.recipe import builtin
from cfplug.recipe.lineup import Lineup
from cfplug.recipe.reader import DEFAULTS, Reading, a_kind
from cfplug.recipe.recipe import (
    DEFAULT_SEED,
    ERROR,
    KEYS,
    MEMORY,
    AnalyzerUse,
    Claim,
    Heading,
    Looks,
    ModelUse,
    Recipe,
    Use,
    memory_use,
    yaml_text,
)
from cfplug.recipe.yaml import Node, from_python, override, override_value, parse


def read_recipe(
    recipe: str | Path | Mapping[str, object],
    *,
    set: Sequence[str] = (),
    overrides: Mapping[str, object] = {},
    registry: Registry | None = None,
) -> Recipe:
    """Read and check a recipe.

    Args:
        recipe: a file, the name of a built-in recipe, or the recipe itself as a mapping.
        set: overrides as the command line gives them, `key.path=value` with a value in YAML.
        overrides: dotted keys, such as `train.epochs`, with Python values. They come before `set`.
        registry: the plugins; those that are installed if left out.

    Relative paths in a file start from its folder, all others from the current folder.

    Raises:
        RecipeError: the recipe cannot be run; the error has every problem.
        CfplugError: there is neither a file nor a built-in recipe of that name.
    """
    if isinstance(recipe, Mapping):
        return _read_mapping(recipe, set, overrides, registry)
    path = Path(recipe)
    is_name = isinstance(recipe, str) and path.name == recipe and not path.suffix
    if is_name and not path.exists():
        path = builtin.find(path.name)
    text = _read_text(path)
    return parse_recipe(text, str(path), set=set, overrides=overrides, registry=registry)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        why = f"not UTF-8 text, at byte {error.start}"
        raise RecipeError([Problem(Place(str(path)), "", why)]) from error
    except OSError as error:
        near = did_you_mean(path.name, (each.name for each in path.parent.glob("*.y*ml")))
        why = f"cannot be read: {error.strerror or error}{near}"
        raise RecipeError([Problem(Place(str(path)), "", why)]) from error


def _read_mapping(
    recipe: Mapping[str, object],
    set: Sequence[str],
    overrides: Mapping[str, object],
    registry: Registry | None,
) -> Recipe:
    problems: list[Problem] = []
    root = from_python(recipe, Place(FROM_PYTHON), problems)
    text = "" if problems else yaml_text(root.plain())
    document = _Document(root, FROM_PYTHON, text, problems)
    return _checked(document, set, overrides, registry)


def parse_recipe(
    text: str,
    source: str,
    *,
    set: Sequence[str] = (),
    overrides: Mapping[str, object] = {},
    registry: Registry | None = None,
) -> Recipe:
    """Read and check the recipe in `text`, as `read_recipe` does.

    `source` is the file that messages name and from whose folder relative paths start.
    """
    root, problems = parse(text, source)
    document = _Document(root, source, text, problems)
    return _checked(document, set, overrides, registry)


FROM_PYTHON = "recipe"
"""The place of everything in a recipe that is a mapping of Python."""


@frozen
class _Document:
    """A recipe before it is checked, and the problems that reading it has found."""

    root: Node
    source: str
    text: str
    problems: list[Problem]


def _checked(
    document: _Document,
    set: Sequence[str],
    overrides: Mapping[str, object],
    registry: Registry | None,
) -> Recipe:
    root, source, problems = document.root, document.source, document.problems
    if not isinstance(root.value, dict):
        why = "a recipe is a table of keys, such as `data: movielens-100k`"
        what = Problem(root.place, "", "the recipe is empty" if root.value is None else why)
        raise RecipeError(_in_order(problems, source, 0) or [what])
    root = _with_values(root, overrides, problems)
    root = _overridden(root, set, problems)
    recipe = _Keys(Reading(root, source, registry or load(), problems)).recipe(document.text)
    if recipe is None or problems:
        raise RecipeError(_in_order(problems, source, len(set)))
    return recipe


def _with_values(root: Node, overrides: Mapping[str, object], problems: list[Problem]) -> Node:
    place = Place(OVERRIDES)
    for key, value in overrides.items():
        try:
            root = override_value(_with_default(root, key, place, DEFAULTS), key, value, place)
        except RecipeError as error:
            problems += error.problems
    return root


OVERRIDES = "overrides"
"""The place of the values that `overrides` gives."""


def _overridden(
    root: Node,
    arguments: Sequence[str],
    problems: list[Problem],
    defaults: Mapping[str, Any] = DEFAULTS,
) -> Node:
    for number, argument in enumerate(arguments, start=1):
        place = Place(f"--set argument {number}")
        try:
            root = override(_with_default(root, argument, place, defaults), argument, place)
        except RecipeError as error:
            problems += error.problems
    return root


def _with_default(root: Node, argument: str, place: Place, defaults: Mapping[str, Any]) -> Node:
    """Write out in `root` the default of which `argument` may change a part."""
    key = re.split(r"[.=[]", argument, maxsplit=1)[0]
    if key not in defaults or key in root.value:
        return root
    value = {**root.value, key: from_python(defaults[key], place, [])}
    return Node(value, root.place, {**root.keys, key: place})


def _in_order(problems: Iterable[Problem], source: str, overrides: int) -> list[Problem]:
    """Sort problems as their places are in the file, then by override and argument."""
    arguments = [f"--set argument {number}" for number in range(1, overrides + 1)]
    sources = [source, OVERRIDES, *arguments]

    def order(problem: Problem) -> tuple[int, int, int]:
        place = problem.place or Place(source)
        return sources.index(place.source), place.line or 0, place.column or 0

    return sorted(problems, key=order)


@frozen
class _Keys:
    """The keys of a recipe, one after another, and the rules between them."""

    reading: Reading

    def recipe(self, text: str) -> Recipe | None:
        self._unknown_keys()
        heading = self._heading()
        data, split = self._data(), self.reading.use("split", ("split",))
        models, metrics = Lineup(self.reading).models(), self.reading.uses("metric", "metrics")
        unknown, analyzers = self._unknown(models), self._analyzers(models)
        cold_starts = self._cold_starts(models)
        claims = [
            self._claim(("claims", position), heading)
            for position in range(len(self.reading.entries("claims")))
        ]
        self._check_metrics(metrics, models, unknown)
        self._check_claims(claims, metrics, models)
        if self.reading.problems or data is None or split is None:
            return None
        return Recipe(
            title=heading.title.strip() or Path(self.reading.source).stem,
            data=data,
            split=split,
            unknown=unknown,
            cold_starts=tuple(cold_starts),
            reveal=heading.reveal,
            analyzers=tuple(analyzers),
            claims=tuple(claims),
            models=tuple(models),
            metrics=tuple(metrics),
            device=heading.device,
            seeds=heading.seeds or (DEFAULT_SEED if heading.seed is None else heading.seed,),
            source=self.reading.source,
            text=text,
        )

    def _unknown_keys(self) -> None:
        for key in self.reading.root.value:
            if key not in KEYS:
                self.reading.problem(
                    (key,), f"unknown key of a recipe{did_you_mean(key, KEYS)}", on_key=True
                )

    def _heading(self) -> Any:
        plain_keys = {
            key: node
            for key, node in self.reading.root.value.items()
            if key in attrs.fields_dict(Heading)
        }
        return self.reading.structure(Heading, (), "a recipe", table=plain_keys)

    def _data(self) -> Use | None:
        node = self.reading.at(("data",))
        if node.plain() in (MEMORY, {"use": MEMORY}):
            return memory_use(node.place)
        return self._required("data", "source")

    def _required(self, key: str, kind: str) -> Use | None:
        if self.reading.lacks(key, f"the name of {a_kind(kind)}, or a table with it under `use`"):
            return None
        return self.reading.use(kind, (key,))

    def _unknown(self, models: Sequence[ModelUse]) -> Use | None:
        use = self._policy()
        for lack in (
            (model.lack(cast(ColdStart, use.component).requires) for model in models) if use else ()
        ):
            if use and lack:
                self.reading.problem(("unknown",), f"{use.name} needs {lack}")
        return use

    def _cold_starts(self, models: Sequence[ModelUse]) -> list[Use]:
        """The strategies that are tried on newcomers; each must fit one of the models."""
        uses = self.reading.uses("cold-start", "cold_starts")
        for position, use in enumerate(uses if not self.reading.problems else ()):
            lacks = [model.lack(cast(ColdStart, use.component).requires) for model in models]
            if models and all(lacks):
                self.reading.problem(("cold_starts", position), f"{use.name} needs {lacks[0]}")
        return uses

    def _policy(self) -> Use | None:
        node = self.reading.at(("unknown",))
        if node.plain() in (ERROR, {"use": ERROR}):
            return None
        name = node.value
        if (
            isinstance(name, str)
            and nearest(name, [ERROR])
            and not self.reading.entry("cold-start", node)
        ):
            self.reading.problem(
                ("unknown",), f"no policy called {shown(name)}; did you mean {ERROR}?"
            )
            return None
        return self.reading.use("cold-start", ("unknown",))

    def _analyzers(self, models: Sequence[ModelUse]) -> list[AnalyzerUse]:
        uses = self.reading.uses("analyzer", "analyzers")
        named = [self._looks(position) for position in range(len(self.reading.nodes("analyzers")))]
        if self.reading.problems:
            return []
        for position, (use, names) in enumerate(zip(uses, named, strict=True)):
            for lack in (
                model.lack(cast(Analyzer, use.component).requires)
                for model in models
                if model.name in names
            ):
                if lack:
                    self.reading.problem(("analyzers", position), f"{use.name} needs {lack}")
        every = tuple(model.name for model in models)
        return [
            AnalyzerUse(
                use, tuple(name for name in every if not names or name in names), bool(names)
            )
            for use, names in zip(uses, named, strict=True)
        ]

    def _looks(self, position: int) -> tuple[str, ...]:
        """The models that an entry of `analyzers` names; none where it leaves that open."""
        path = ("analyzers", position)
        own = {
            key: node
            for key in attrs.fields_dict(Looks)
            if (node := self.reading.at(path).step(key)) is not None
        }
        looks = self.reading.structure(Looks, path, "an analyzer", table=own)
        known = self.reading.names("model", "models")
        for index, name in enumerate(looks.models if looks else ()):
            if name not in known and None not in known:
                guess = did_you_mean(name, filter(None, known))
                self.reading.problem(
                    (*path, "models", index), f"{shown(name)} is none of the recipe's models{guess}"
                )
        return looks.models if looks else ()

    def _claim(self, path: tuple[str | int, ...], heading: Any) -> Claim:
        names = self.reading.names("model", "models")
        strategies = self.reading.names("cold-start", "cold_starts")
        on_newcomers = bool(self.reading.at((*path, "cold_start")).value)
        metrics = ["rmse"] if on_newcomers else self.reading.names("metric", "metrics")
        if on_newcomers and not strategies:
            self.reading.problem((*path, "cold_start"), "the recipe has no cold_starts")
        for key, known in (("metric", metrics), ("model", names), ("cold_start", strategies)):
            claimed = self.reading.at((*path, key)).value
            if isinstance(claimed, str) and claimed and known and not {claimed, None} & set(known):
                guess = did_you_mean(claimed, filter(None, known))
                self.reading.problem(
                    (*path, key), f"{shown(claimed)} is none of the recipe's {key}s{guess}"
                )
        if len(names) > 1 and self._names_no_model(path):
            listed = ", ".join(filter(None, names))
            self.reading.problem(
                path,
                f"a claim of a recipe with several models names one of them under `model`: {listed}",
            )
        claim = cast(Claim, self.reading.structure(Claim, path, "a claim"))
        if claim and claim.cold_start and heading and claim.revealed not in heading.reveal:
            there = ", ".join(map(str, heading.reveal))
            self.reading.problem(
                (*path, "revealed"), f"{claim.revealed} is not among what is revealed: {there}"
            )
        return claim

    def _names_no_model(self, path: tuple[str | int, ...]) -> bool:
        table = self.reading.at(path).value
        if not isinstance(table, dict):
            return False
        if "model" in table:
            return bool(table["model"].value == "")
        return not any(
            nearest(key, ["model"]) for key in table if key not in attrs.fields_dict(Claim)
        )

    def _check_metrics(
        self, metrics: Sequence[Use], models: Sequence[ModelUse], unknown: Use | None
    ) -> None:
        for position, use in enumerate(metrics):
            needs = cast(Metric, use.component).requires
            if (
                DISTRIBUTION in needs
                and unknown
                and DISTRIBUTION not in cast(ColdStart, unknown.component).provides
            ):
                self.reading.problem(
                    ("metrics", position),
                    f"{use.name} needs a distribution, and {unknown.name}, which answers for unknown ids, gives none",
                )
            lacks = [lack for model in models if (lack := model.lack(needs))]
            if len(lacks) == len(models):
                for lack in lacks:
                    self.reading.problem(("metrics", position), f"{use.name} needs {lack}")

    def _check_claims(
        self, claims: Sequence[Claim | None], metrics: Sequence[Use], models: Sequence[ModelUse]
    ) -> None:
        """A claim about a metric that cannot be measured for its model, though it can for another."""
        needs = {use.name: cast(Metric, use.component).requires for use in metrics}
        for position, claim in enumerate(claims):
            if claim is None or len(models) == 1 or claim.cold_start:
                continue
            for model in models:
                lack = model.lack(needs.get(claim.metric, ()))
                if model.name == claim.model and lack:
                    self.reading.problem(("claims", position), f"{claim.metric} needs {lack}")


def read_use(
    kind: str, name: str, *, set: Sequence[str] = (), registry: Registry | None = None
) -> Use:
    """One component with its parameters, as a recipe would name it; RecipeError with every problem."""
    place = Place(name)
    problems: list[Problem] = []
    root = _overridden(Node({"use": Node(name, place)}, place, {"use": place}), set, problems, {})
    use = Reading(root, "", registry or load(), problems).use(kind, ())
    if use is None or problems:
        raise RecipeError(_in_order(problems, name, len(set)))
    return use
