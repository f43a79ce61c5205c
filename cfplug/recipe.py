"""YAML text -> a checked, frozen Recipe. Checking is total: every problem in one pass, in the order of the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import attrs
from attrs import frozen

from cfplug.components import DISTRIBUTION, KINDS, Analyzer, ColdStart, Metric, Model
from cfplug.document import REFUSED, Node, override, parse, path_text
from cfplug.errors import Place, PluginError, Problem, RecipeError, did_you_mean, is_one_line, nearest, shown
from cfplug.params import structure
from cfplug.plan import DEFAULT_SEED, ERROR, KEYS, AnalyzerUse, Claim, Heading, Looks, ModelUse, Recipe, Use
from cfplug.registry import Entry, Registry, load, plural
from cfplug.settings import ALL, FeatureChoice, TrainSettings

DEFAULTS: Mapping[str, Any] = {
    "split": "splits/random",
    "loss": "losses/mse",
    "metrics": ["metrics/mse", "metrics/rmse"],
    "unknown": "coldstart/item-mean",
    "cold_starts": [],
    "analyzers": [],
    "claims": [],
}
"""What stands for a component that the recipe does not name; full names, which no other plugin can take."""

OF_RATINGS = ("time", "context")
"""What a recipe's `features` name of the ratings themselves, not of users or items."""


def read_recipe(path: str | Path, *, set: Sequence[str] = (), registry: Registry | None = None) -> Recipe:
    """The recipe in the file at `path`; RecipeError with every problem.

    `set` holds overrides, `key.path=value`, checked like the file. Relative paths in the file are
    taken from its folder, those in overrides from the current folder.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError([Problem(Place(str(path)), "", f"not UTF-8 text, at byte {error.start}")]) from error
    except OSError as error:
        near = did_you_mean(path.name, (each.name for each in path.parent.glob("*.y*ml")))
        why = f"cannot be read: {error.strerror or error}{near}"
        raise RecipeError([Problem(Place(str(path)), "", why)]) from error
    return parse_recipe(text, str(path), set=set, registry=registry)


def parse_recipe(text: str, source: str, *, set: Sequence[str] = (), registry: Registry | None = None) -> Recipe:
    """The recipe in `text`; `source` is the file that messages name and whose folder paths start from."""
    root, problems = parse(text, source)
    if not isinstance(root.value, dict):
        why = "a recipe is a table of keys, such as `data: movielens-100k`"
        what = Problem(root.place, "", "the recipe is empty" if root.value is None else why)
        raise RecipeError(_in_order(problems, source, 0) or [what])
    root = _overridden(root, set, problems)
    reading = _Reading(root, source, registry or load(), problems)
    recipe = reading.recipe(text)
    if recipe is None or problems:
        raise RecipeError(_in_order(problems, source, len(set)))
    return recipe


def _overridden(
    root: Node, arguments: Sequence[str], problems: list[Problem], defaults: Mapping[str, Any] = DEFAULTS
) -> Node:
    for number, argument in enumerate(arguments, start=1):
        place = Place(f"--set argument {number}")
        try:
            root = override(_with_default(root, argument, place, defaults), argument, place)
        except RecipeError as error:
            problems += error.problems
    return root


def _with_default(root: Node, argument: str, place: Place, defaults: Mapping[str, Any]) -> Node:
    """`root`, with the default written out of which `argument` may change a part."""
    key = re.split(r"[.=[]", argument, maxsplit=1)[0]
    if key not in defaults or key in root.value:
        return root
    return Node({**root.value, key: _as_node(defaults[key], place)}, root.place, {**root.keys, key: place})


def _in_order(problems: Iterable[Problem], source: str, overrides: int) -> list[Problem]:
    """As they stand in the file, then argument by argument."""
    sources = [source, *(f"--set argument {number}" for number in range(1, overrides + 1))]

    def order(problem: Problem) -> tuple[int, int, int]:
        place = problem.place or Place(source)
        return sources.index(place.source), place.line or 0, place.column or 0

    return sorted(problems, key=order)


@frozen
class _Reading:
    """One pass over a document: makes the parts of a recipe and collects every problem."""

    root: Node
    source: str
    registry: Registry
    problems: list[Problem]

    def recipe(self, text: str) -> Recipe | None:
        self._unknown_keys()
        heading = self._heading()
        data, split = self._required("data", "source"), self._use("split", ("split",))
        models, metrics = self._models(), self._uses("metric", "metrics")
        unknown, analyzers = self._unknown(models), self._analyzers(models)
        cold_starts = self._cold_starts(models)
        claims = [self._claim(("claims", position), heading) for position in range(len(self._entries("claims")))]
        self._check_metrics(metrics, models, unknown)
        self._check_claims(claims, metrics, models)
        if self.problems or data is None or split is None:
            return None
        return Recipe(
            title=heading.title.strip() or Path(self.source).stem,
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
            source=self.source,
            text=text,
        )

    # One key after another

    def _unknown_keys(self) -> None:
        for key in self.root.value:
            if key not in KEYS:
                self._problem((key,), f"unknown key of a recipe{did_you_mean(key, KEYS)}", on_key=True)

    def _heading(self) -> Any:
        plain_keys = {key: node for key, node in self.root.value.items() if key in attrs.fields_dict(Heading)}
        return self._structure(Heading, (), "a recipe", table=plain_keys)

    def _lacks(self, key: str, what: str) -> bool:
        """Whether the recipe has no `key`; told, unless a misspelt key that is told already was meant."""
        lacks = key not in self.root.value
        if lacks and not self._is_misspelt(key):
            self._problem((), f"a recipe needs {key}: {what}")
        return lacks

    def _is_misspelt(self, key: str) -> bool:
        return key in {nearest(other, KEYS) for other in self.root.value if other not in KEYS}

    def _required(self, key: str, kind: str) -> Use | None:
        if self._lacks(key, f"the name of {_a(kind)}, or a table with it under `use`"):
            return None
        return self._use(kind, (key,))

    def _unknown(self, models: Sequence[ModelUse]) -> Use | None:
        use = self._policy()
        for lack in (model.lack(cast(ColdStart, use.component).needs) for model in models) if use else ():
            if use and lack:
                self._problem(("unknown",), f"{use.name} needs {lack}")
        return use

    def _cold_starts(self, models: Sequence[ModelUse]) -> list[Use]:
        """The strategies that are tried on newcomers; each must fit one of the models."""
        uses = self._uses("cold-start", "cold_starts")
        for position, use in enumerate(uses if not self.problems else ()):
            lacks = [model.lack(cast(ColdStart, use.component).needs) for model in models]
            if models and all(lacks):
                self._problem(("cold_starts", position), f"{use.name} needs {lacks[0]}")
        return uses

    def _policy(self) -> Use | None:
        node = self._at(("unknown",))
        if node.plain() in (ERROR, {"use": ERROR}):
            return None
        name = node.value
        if isinstance(name, str) and nearest(name, [ERROR]) and not self._entry("cold-start", node):
            self._problem(("unknown",), f"no policy called {shown(name)}; did you mean {ERROR}?")
            return None
        return self._use("cold-start", ("unknown",))

    def _models(self) -> list[ModelUse]:
        positions = range(len(self._entries("models"))) if not self._lacks("models", "a list of models") else ()
        uses = [self._use("model", ("models", position), named=True) for position in positions]
        self._distinct("model", "models")
        shared = self._shared()
        models = [self._model(position, use, *shared) for position, use in zip(positions, uses, strict=True)]
        return [model for model in models if model is not None]

    def _shared(self) -> tuple[Use | None, TrainSettings | None, FeatureChoice | None]:
        """The recipe's own loss, train settings and features, which only models that learn by gradient can follow."""
        entries = [self._entry("model", node) for node in self._nodes("models")]
        if "features" in self.root.value and all(entries) and not any(map(_uses_features, entries)):
            self._problem(("features",), "no model of this recipe looks at features", on_key=True)
        features = self._features(("features",))
        if all(entries) and not any(_uses_features(entry) for entry in entries if not _fits_itself(entry)):
            self._check_of_ids(features if any(map(_uses_features, entries)) else None, ("features",))
        if not entries or not all(map(_fits_itself, entries)):
            return self._use("loss", ("loss",)), self._structure(TrainSettings, ("train",), "train"), features
        for key in ("loss", "train"):
            if key in self.root.value:
                self._problem((key,), "no model of this recipe learns by gradient", on_key=True)
        return None, None, features

    def _features(self, path: tuple[str | int, ...]) -> FeatureChoice | None:
        """What `features` at `path` says: a table, in which `all` stands for a list, or `all` alone."""
        node = self._at(path)
        if node.plain() == ALL:
            return FeatureChoice(**dict.fromkeys(attrs.fields_dict(FeatureChoice), (ALL,)))
        if not isinstance(node.value, dict):
            self._problem(path, f"must be a table of keys, or all; is {shown(node.plain())}")
            return None
        table = {key: Node((each,), each.place) if each.value == ALL else each for key, each in node.value.items()}
        return cast("FeatureChoice | None", self._structure(FeatureChoice, path, "features", table=table))

    def _check_of_ids(self, features: FeatureChoice | None, path: tuple[str | int, ...]) -> None:
        """Tell what `features`, read at `path`, names of the ratings themselves, for models that fit themselves."""
        for key in OF_RATINGS if features else ():
            if self._at((*path, key)).value:
                why = "a model that fits itself looks at features of users and items alone"
                self._problem((*path, key), why, on_key=True)

    def _model(
        self,
        position: int,
        use: Use | None,
        loss: Use | None,
        train: TrainSettings | None,
        features: FeatureChoice | None,
    ) -> ModelUse | None:
        path, node = ("models", position), self._at(("models", position))
        own = [key for key in ("loss", "train", "features") if node.step(key) is not None]
        entry = self._entry("model", node)
        looks = _uses_features(entry)
        if "features" in own and looks:
            features = self._features((*path, "features"))
        if entry is not None and _fits_itself(entry):
            return self._by_itself(path, entry, use, own, features)
        if "loss" in own:
            loss = self._use("loss", (*path, "loss"))
        if "train" in own:
            train = self._structure(TrainSettings, (*path, "train"), "train")
        if "features" in own and entry is not None and not looks:
            self._problem((*path, "features"), f"{entry.component.name} looks at no features", on_key=True)
        return ModelUse(use, loss, train, features if looks else None) if use and loss and train else None

    def _by_itself(
        self,
        path: tuple[str | int, ...],
        entry: Entry,
        use: Use | None,
        own: Iterable[str],
        features: FeatureChoice | None,
    ) -> ModelUse | None:
        """An entry, with the keys `own`, of a model that fits itself; of `features` it looks at those of ids."""
        looks = _uses_features(entry)
        for key in own:
            if key == "features" and looks:
                self._check_of_ids(features, (*path, key))
            else:
                self._problem((*path, key), f"{entry.component.name} fits itself and takes no {key}", on_key=True)
        of_ids = attrs.evolve(features, **dict.fromkeys(OF_RATINGS, ())) if features and looks else None
        return ModelUse(use, None, None, of_ids) if use else None

    def _uses(self, kind: str, key: str) -> list[Use]:
        uses = [self._use(kind, (key, position), named=True) for position in range(len(self._entries(key)))]
        self._distinct(kind, key)
        return [use for use in uses if use is not None]

    def _analyzers(self, models: Sequence[ModelUse]) -> list[AnalyzerUse]:
        uses = self._uses("analyzer", "analyzers")
        named = [self._looks(position) for position in range(len(self._nodes("analyzers")))]
        if self.problems:
            return []
        for position, (use, names) in enumerate(zip(uses, named, strict=True)):
            for lack in (model.lack(cast(Analyzer, use.component).needs) for model in models if model.name in names):
                if lack:
                    self._problem(("analyzers", position), f"{use.name} needs {lack}")
        every = tuple(model.name for model in models)
        return [
            AnalyzerUse(use, tuple(name for name in every if not names or name in names), bool(names))
            for use, names in zip(uses, named, strict=True)
        ]

    def _looks(self, position: int) -> tuple[str, ...]:
        """The models that an entry of `analyzers` names; none where it leaves that open."""
        path = ("analyzers", position)
        own = {key: node for key in attrs.fields_dict(Looks) if (node := self._at(path).step(key)) is not None}
        looks = self._structure(Looks, path, "an analyzer", table=own)
        known = self._names("model", "models")
        for index, name in enumerate(looks.models if looks else ()):
            if name not in known and None not in known:
                guess = did_you_mean(name, filter(None, known))
                self._problem((*path, "models", index), f"{shown(name)} is none of the recipe's models{guess}")
        return looks.models if looks else ()

    def _claim(self, path: tuple[str | int, ...], heading: Any) -> Claim:
        names = self._names("model", "models")
        strategies = self._names("cold-start", "cold_starts")
        on_newcomers = bool(self._at((*path, "cold_start")).value)
        metrics = ["rmse"] if on_newcomers else self._names("metric", "metrics")
        if on_newcomers and not strategies:
            self._problem((*path, "cold_start"), "the recipe has no cold_starts")
        for key, known in (("metric", metrics), ("model", names), ("cold_start", strategies)):
            claimed = self._at((*path, key)).value
            if isinstance(claimed, str) and claimed and known and not {claimed, None} & set(known):
                guess = did_you_mean(claimed, filter(None, known))
                self._problem((*path, key), f"{shown(claimed)} is none of the recipe's {key}s{guess}")
        if len(names) > 1 and self._names_no_model(path):
            listed = ", ".join(filter(None, names))
            self._problem(path, f"a claim of a recipe with several models names one of them under `model`: {listed}")
        claim = cast(Claim, self._structure(Claim, path, "a claim"))
        if claim and claim.cold_start and heading and claim.revealed not in heading.reveal:
            there = ", ".join(map(str, heading.reveal))
            self._problem((*path, "revealed"), f"{claim.revealed} is not among what is revealed: {there}")
        return claim

    def _names_no_model(self, path: tuple[str | int, ...]) -> bool:
        table = self._at(path).value
        if not isinstance(table, dict):
            return False
        if "model" in table:
            return bool(table["model"].value == "")
        return not any(nearest(key, ["model"]) for key in table if key not in attrs.fields_dict(Claim))

    def _check_metrics(self, metrics: Sequence[Use], models: Sequence[ModelUse], unknown: Use | None) -> None:
        for position, use in enumerate(metrics):
            needs = cast(Metric, use.component).needs
            if DISTRIBUTION in needs and unknown and DISTRIBUTION not in cast(ColdStart, unknown.component).gives:
                self._problem(
                    ("metrics", position),
                    f"{use.name} needs a distribution, and {unknown.name}, which answers for unknown ids, gives none",
                )
            lacks = [lack for model in models if (lack := model.lack(needs))]
            if len(lacks) == len(models):
                for lack in lacks:
                    self._problem(("metrics", position), f"{use.name} needs {lack}")

    def _check_claims(self, claims: Sequence[Claim | None], metrics: Sequence[Use], models: Sequence[ModelUse]) -> None:
        """A claim about a metric that cannot be measured for its model, though it can for another."""
        needs = {use.name: cast(Metric, use.component).needs for use in metrics}
        for position, claim in enumerate(claims):
            if claim is None or len(models) == 1 or claim.cold_start:
                continue
            for model in models:
                lack = model.lack(needs.get(claim.metric, ()))
                if model.name == claim.model and lack:
                    self._problem(("claims", position), f"{claim.metric} needs {lack}")

    # Parts that several keys share

    def _at(self, path: tuple[str | int, ...]) -> Node:
        """The value at `path`, a default where the recipe says nothing, an empty table where there is none."""
        node = self.root
        for step in path:
            inner = node.step(step)
            if inner is None and node is self.root and step in DEFAULTS:
                inner = _as_node(DEFAULTS[str(step)], self.root.place)
            if inner is None:
                return Node({}, node.place)
            node = inner
        return node

    def _nodes(self, key: str) -> tuple[Node, ...]:
        value = self._at((key,)).value
        return value if isinstance(value, tuple) else ()

    def _entries(self, key: str) -> tuple[Node, ...]:
        node = self._at((key,))
        if not isinstance(node.value, tuple):
            such = f", such as [{node.value}]" if isinstance(node.value, str) and is_one_line(node.value) else ""
            self._problem((key,), f"must be a list{such}; is {shown(node.plain())}")
        elif key in ("models", "metrics") and not node.value:
            self._problem((key,), "must have at least one entry")
        return self._nodes(key)

    def _entry(self, kind: str, node: Node) -> Entry | None:
        """The component that an entry names, if there is one; `_use` tells where there is none."""
        use = node.step("use") or node
        try:
            return self.registry.find(kind, use.value) if isinstance(use.value, str) else None
        except PluginError:
            return None

    def _names(self, kind: str, key: str) -> list[str | None]:
        """What each entry of a list is called; None where that cannot be told."""
        return [] if self._is_misspelt(key) else [self._name(kind, node) for node in self._nodes(key)]

    def _name(self, kind: str, node: Node) -> str | None:
        name, entry = node.step("name"), self._entry(kind, node)
        if name is not None:
            return name.value if can_name_a_folder(name.value) else None
        return entry.component.name if entry and not self._misspelt(kind, node.value, "name") else None

    def _distinct(self, kind: str, key: str) -> None:
        seen: dict[str, int] = {}
        for position, name in enumerate(self._names(kind, key)):
            if name is None:
                continue
            if name.casefold() in seen:  # not every disk tells PMF from pmf, and models have folders
                first = seen[name.casefold()]
                self._problem((key, position), f"{shown(name)} is also {key}[{first}]; give one of them a `name`")
            seen.setdefault(name.casefold(), position)

    def _use(self, kind: str, path: tuple[str | int, ...], *, named: bool = False) -> Use | None:
        """The component that the recipe names at `path`; only the entries of a list have a `name`."""
        node = self._at(path)
        table = node.value if isinstance(node.value, dict) else {"use": node}
        entry = self._named_entry(kind, path, table)
        if entry is None:
            return None
        title = self._label(path, table.get("name"), entry.component.name, named=named)
        component = entry.component
        made = self._structure(component.params, path, component.name, table=table, beside=component.reserved)
        if made is None or title is None:
            return None
        return Use(title, entry.full_name, entry.component, made, entry.plugin.title, node.place)

    def _named_entry(self, kind: str, path: tuple[str | int, ...], table: Mapping[str, Node]) -> Entry | None:
        if "use" not in table:
            self._no_use(kind, path, table)
            return None
        in_table = isinstance(self._at(path).value, dict)
        where, also = ((*path, "use"), "") if in_table else (path, ", or a table with it under `use`")
        name = table["use"].plain()
        if not isinstance(name, str) or not is_one_line(name):
            self._problem(where, f"must be the name of {_a(kind)}{also}; is {shown(name)}")
            return None
        try:
            return self.registry.find(kind, name)
        except PluginError as error:
            self._problem(where, str(error))
            return None

    def _no_use(self, kind: str, path: tuple[str | int, ...], table: Mapping[str, Node]) -> None:
        odd = self._misspelt(kind, table, "use")
        if odd:
            self._problem((*path, odd), f"unknown key of {_a(kind)}; did you mean use?", on_key=True)
        else:
            self._problem(path, f"{_a(kind)} needs use: its name (cfplug list {plural(kind)})")

    def _misspelt(self, kind: str, table: object, meant: str) -> str | None:
        """The key of an entry that may be a misspelt `meant`: one that no component of the kind has."""
        entries = self.registry.entries(kind)
        known = {field.name for entry in entries for field in attrs.fields(entry.component.params)}
        known.update(KINDS[kind].reserved)
        keys = table if isinstance(table, dict) else ()
        return next((key for key in keys if key not in known and nearest(key, [meant])), None)

    def _label(self, path: tuple[str | int, ...], node: Node | None, default: str, *, named: bool) -> str | None:
        """The `name` of an entry in a list: what tables and folders call it."""
        if node is None:
            return default
        if not named:
            self._problem((*path, "name"), "only an entry of a list has a name; leave it out", on_key=True)
            return None
        if not can_name_a_folder(node.value):
            self._problem((*path, "name"), f"must be text that can name a folder; is {shown(node.plain())}")
            return None
        return str(node.value)

    def _structure(
        self,
        cls: type,
        path: tuple[str | int, ...],
        owner: str,
        *,
        table: Mapping[str, Node] | None = None,
        beside: Iterable[str] = (),
    ) -> Any:
        """A `cls` of the table at `path`, in which the keys `beside` belong to others."""
        node = self._at(path)
        if table is None and not isinstance(node.value, dict):
            self._problem(path, f"must be a table of keys; is {shown(node.plain())}")
            return None
        values = {key: item for key, item in (node.value if table is None else table).items() if key not in beside}
        outcome = structure(
            cls,
            {key: item.plain() for key, item in values.items()},
            owner=owner,
            base=lambda key: self._folder(values[key].place),
            beside=beside,
        )
        for fault in outcome.faults:
            self._problem((*path, *fault.path), fault.message, on_key=fault.on_key)
        return outcome.value

    def _folder(self, place: Place) -> Path:
        return Path(self.source).parent.absolute() if place.source == self.source else Path.cwd()

    def _problem(self, path: tuple[str | int, ...], message: str, *, on_key: bool = False) -> None:
        if on_key or self.root.nearest(path).value is not REFUSED:
            self.problems.append(Problem(self.root.place_of(path, on_key=on_key), path_text(path), message))


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _fits_itself(entry: Entry | None) -> bool:
    return entry is not None and not cast(Model, entry.component).learns_by_gradient


def _uses_features(entry: Entry | None) -> bool:
    return entry is not None and cast(Model, entry.component).uses_features


def can_name_a_folder(name: object) -> bool:
    """Whether `name` is text that a folder may be called on every common system."""
    if not isinstance(name, str):
        return False
    ends = name[:1] + name[-1:]
    sound = is_one_line(name) and not set(name) & set('/\\:*?"<>|')
    return sound and ends.strip(". ") == ends and 0 < len(name.encode()) <= 80


def _as_node(value: Any, place: Place) -> Node:
    if isinstance(value, list):
        return Node(tuple(_as_node(item, place) for item in value), place)
    return Node(value, place)


def read_use(kind: str, name: str, *, set: Sequence[str] = (), registry: Registry | None = None) -> Use:
    """One component with its parameters, as a recipe would name it; RecipeError with every problem."""
    place = Place(name)
    problems: list[Problem] = []
    root = _overridden(Node({"use": Node(name, place)}, place, {"use": place}), set, problems, {})
    use = _Reading(root, "", registry or load(), problems)._use(kind, ())
    if use is None or problems:
        raise RecipeError(_in_order(problems, name, len(set)))
    return use
