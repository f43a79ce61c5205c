"""A wheel by way of pip, which knows the user's own indexes, proxies and certificates."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from cfplug import Context
from cfplug.errors import DownloadError
from cfplug_movielens.cache import keep
from cfplug_movielens.releases import Wheel

LIMIT_SECONDS = 300


def fetch(wheel: Wheel, context: Context) -> Path:
    """The wheel in the cache, brought by `python -m pip download`; DownloadError says why it is not.

    Nothing is installed and nothing in the wheel is run: pip refuses whatever has another hash, and
    takes no source package, which it would have to build.
    """
    context.progress(None, f"pip is fetching {wheel.requirement}")
    with tempfile.TemporaryDirectory(dir=context.scratch) as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(f"{wheel.requirement} --hash={wheel.hash}\n", encoding="utf-8")
        _download(requirements, wheel.options)
        came = Path(folder, wheel.file)
        if not came.is_file():
            raise DownloadError(f"pip brought no {wheel.file}")
        return keep(came, wheel.hash)


def _download(requirements: Path, options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += [
        "--only-binary",
        ":all:",
        "--retries",
        "2",
        "--no-input",
        "--disable-pip-version-check",
    ]
    command += [
        "--progress-bar",
        "off",
        "--requirement",
        requirements.name,
        "--dest",
        ".",
        *options,
    ]
    try:
        done = subprocess.run(
            command,
            cwd=requirements.parent,  # python -m looks there first, so it must be a folder of our own
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise DownloadError(f"pip did not finish within {LIMIT_SECONDS} seconds") from error
    if done.returncode:
        raise DownloadError(_reason(done.stderr))


def _reason(errors: str) -> str:
    """What went wrong, from what pip wrote: its last line that begins with ERROR, or its last line."""
    if "No module named pip" in errors:
        return "this Python has no pip (python -m ensurepip brings it)"
    if "DO NOT MATCH THE HASHES" in errors:
        return "pip found a wheel with another hash than the one that is known, and refused it"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return f"pip: {(named or lines or ['it failed without a word'])[-1]}"
