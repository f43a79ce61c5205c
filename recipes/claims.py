"""Write the table of figures in README.md: what recipes give on real data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean

from cfplug.runs.run import Run
from cfplug.training.fit import parameters_of

README = Path(__file__).with_name("README.md")
Marks = tuple[str, str, tuple[str, str]]
"""Where a table begins and ends, and the first two lines of it."""

FIGURES: Marks = (
    "<!-- figures: begin -->",
    "<!-- figures: end -->",
    (
        "| recipe | model | metric | measured | claimed | source | seconds | parameters |",
        "| --- | --- | --- | --: | --- | --- | --: | --: |",
    ),
)

NEWCOMERS: Marks = (
    "<!-- newcomers: begin -->",
    "<!-- newcomers: end -->",
    (
        "| recipe | model | strategy | RMSE (after n ratings or questions) "
        "| inside their 90 % interval, % |",
        "| --- | --- | --- | --- | --- |",
    ),
)


def lines(name: str, run: Run) -> list[str]:
    """Return a line for each model, fold and metric that the recipe measures first or claims.

    Of a recipe about newcomers only what it claims of them: `tried` has the rest.
    """
    shown = {run.recipe.metrics[0].name, *(claim.metric for claim in run.recipe.claims)}
    table = run.table()
    columns = ["measured" if column.startswith("measured") else column for column in table.columns]
    rows = [dict(zip(columns, map(str, row), strict=True)) for row in table.rows]
    costs = _costs(run)
    if run.recipe.cold_starts:
        return [_line(name, row, costs[row["model"]]) for row in rows if row["claimed"]]
    return [_line(name, row, costs[row["model"]]) for row in rows if row["metric"] in shown]


def tried(name: str, run: Run) -> list[str]:
    """Return a line for each model and cold-start strategy: RMSE after each number of ratings."""
    found = []
    for (model, strategy), rows in run.cold_start_results.groupby(
        ["model", "cold_start"], sort=False
    ):
        errors = ", ".join(
            f"{error:.4f} ({n})" for n, error in zip(rows["revealed"], rows["rmse"], strict=True)
        )
        cover = [f"{100 * share:.1f}" for share in rows["coverage"] if share == share]
        found.append(
            f"| [{name}.yaml]({name}.yaml) | {model} | {strategy} | {errors} | {' '.join(cover)} |"
        )
    return found


def _line(name: str, row: Mapping[str, str], cost: tuple[float, float]) -> str:
    model = f"{row['model']}, {row['fold']}" if row.get("fold") else row["model"]
    claimed = f"{row['claimed']}, missed" if row["met"] == "no" else row["claimed"]
    cells = (
        f"[{name}.yaml]({name}.yaml)",
        model,
        row["metric"],
        row["measured"],
        claimed,
        row["source"],
    )
    return f"| {' | '.join(cells)} | {cost[0]:.1f} | {cost[1]:,.0f} |"


def _costs(run: Run) -> dict[str, tuple[float, float]]:
    """Return each model's seconds of training and number of parameters, means over its fits."""
    each = {
        use.name: [model for model in run.models if model.name == use.name]
        for use in run.recipe.models
    }
    return {
        name: (fmean(model.seconds for model in models), fmean(map(parameters_of, models)))
        for name, models in each.items()
    }


def with_figures(
    text: str, measured: Mapping[str, Iterable[str]], order: Iterable[str], marks: Marks = FIGURES
) -> str:
    """Return `text` with the lines of the recipes in `measured` replaced."""
    begin, end, titles = marks
    head, rest = text.split(begin)
    table, tail = rest.split(end)
    kept: dict[str, list[str]] = {}
    for line in table.splitlines():
        if line.startswith("| ["):
            kept.setdefault(line[3:].partition(".yaml]")[0], []).append(line)
    kept |= {name: list(found) for name, found in measured.items()}
    rows = [line for name in order for line in kept.get(name, [])]
    return f"{head}{begin}\n" + "\n".join(["", *titles, *rows, "", end]) + tail
