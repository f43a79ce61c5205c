"""Measure the peak memory of training PMF on a million ratings.

The baseline imports torch and fastai and allocates the tensors.

Two fresh processes; peaks are the operating system's (maximum resident set). `make benchmark` runs
it on ratings that it makes up itself, of the size of MovieLens 1M; `--ratings FILE` takes a CSV
file with the columns user, item, rating.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

USERS, ITEMS, RATINGS = 6_040, 3_706, 1_000_209

BARE = """
import torch, fastai.collab, pandas, pyarrow.parquet
user, item = torch.zeros({ratings}, dtype=torch.int64), torch.zeros({ratings}, dtype=torch.int64)
rating = torch.zeros({ratings})
# weights, their gradients, the two moments of adam
tables = [torch.zeros(({ids}), 51) for _ in range(4)]
"""

RECIPE = """
data: {{use: csv, ratings: {file}, user: {user}, item: {item}, rating: {rating}}}
split: {{use: random, valid: 0.1}}
loss: {{use: mse, range: [0, 5.5]}}
train: {{epochs: 2, batch_size: 4096, learning_rate: 0.02, epsilon: 2e-4, beta2: 0.9}}
models: [pmf]
"""

OBSERVER = """
import resource, cfplug

@cfplug.hookimpl
def cfplug_step_finished(event):
    if event.step == "train":
        print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peaks(code: str) -> list[int]:
    """Return each peak of resident bytes that a fresh Python notes while it runs `code`."""
    peak = "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024"
    tail = f"\nimport resource; print('PEAK', {peak})"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], check=True, capture_output=True, text=True
    )
    return [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("PEAK")]


def made_up(folder: Path) -> Path:
    """A CSV file of the size of MovieLens 1M."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    pairs = rng.choice(USERS * ITEMS, RATINGS, replace=False)
    frame = pd.DataFrame(
        {"user": pairs // ITEMS, "item": pairs % ITEMS, "rating": rng.integers(1, 6, RATINGS)}
    )
    frame.to_csv(folder / "ratings.csv", index=False)
    return folder / "ratings.csv"


def main() -> None:
    """Both peaks and their ratio."""
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=Path)
    parser.add_argument("--columns", nargs=3, default=["user", "item", "rating"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        file = arguments.ratings or made_up(Path(scratch))
        user, item, rating = arguments.columns
        recipe = Path(scratch) / "recipe.yaml"
        recipe.write_text(
            RECIPE.format(file=file.absolute(), user=user, item=item, rating=rating),
            encoding="utf-8",
        )
        (Path(scratch) / "plugins").mkdir()
        (Path(scratch) / "plugins" / "peak.py").write_text(OBSERVER, encoding="utf-8")
        (bare,) = peaks(BARE.format(ratings=RATINGS, ids=USERS + ITEMS))
        trained, whole = peaks(
            f"import cfplug; cfplug.run({str(recipe)!r}, out={scratch!r}, "
            f"plugins_dir=[{scratch + '/plugins'!r}])"
        )
    print(f"torch, fastai, pandas and the tensors: {bare / 2**20:.0f} MiB")
    print(
        f"reading {file.name} and training PMF: {trained / 2**20:.0f} MiB, "
        f"ratio {trained / bare:.2f} (at most 1.5)"
    )
    print(
        f"the whole run, with scores and report: {whole / 2**20:.0f} MiB, ratio {whole / bare:.2f}"
    )


if __name__ == "__main__":
    main()
