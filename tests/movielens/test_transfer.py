"""A download is whole and right, or it is not there; what came of a broken one is used again."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import pooch
import pytest
from cfplug_movielens import transfer
from cfplug_movielens.releases import Release

import cfplug
from cfplug.errors import DownloadError


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "kept").mkdir()
    return tmp_path / "kept" / "tiny.zip"


@pytest.fixture
def part(target: Path) -> Path:
    return target.with_name("tiny.zip.part")


def failure(release: Release, target: Path, context: cfplug.Context) -> str:
    with pytest.raises(DownloadError) as error:
        transfer.download(release, target, context)
    assert not target.exists()
    return str(error.value)


def test_the_file_comes_whole(
    release: Release, target: Path, context: cfplug.Context, server: Any
) -> None:
    transfer.download(release, target, context)
    assert target.read_bytes() == server.content
    assert list(target.parent.iterdir()) == [target]
    assert server.asked == [None]


def test_pooch_writes_nothing_to_the_terminal(
    release: Release, target: Path, context: cfplug.Context
) -> None:
    lines = io.StringIO()
    listener = logging.StreamHandler(lines)
    pooch.get_logger().addHandler(listener)
    try:
        transfer.download(release, target, context)
    finally:
        pooch.get_logger().removeHandler(listener)
    assert lines.getvalue() == ""


def test_progress_rises_to_one(release: Release, target: Path, context: cfplug.Context) -> None:
    reported: list[tuple[float | None, str]] = []
    listening = attrs.evolve(
        context, progress=lambda done, message: reported.append((done, message))
    )
    transfer.download(release, target, listening)
    assert reported[-1] == (1.0, f"{release.size:,} of {release.size:,} bytes")


def test_a_broken_transfer_goes_on_where_it_stopped(
    release: Release, target: Path, context: cfplug.Context, server: Any, said: list[str]
) -> None:
    server.breaks_after = [150_000, 70_000]
    transfer.download(release, target, context)
    assert target.read_bytes() == server.content
    assert server.asked == [None, "bytes=131072-", "bytes=196608-"]
    assert said == [
        f"the transfer broke off at 131,072 of {release.size:,} bytes; resuming there",
        f"the transfer broke off at 196,608 of {release.size:,} bytes; resuming there",
    ]


def test_what_a_broken_transfer_brought_is_kept_for_the_next_time(
    release: Release, target: Path, part: Path, context: cfplug.Context, server: Any
) -> None:
    server.breaks_after = [150_000, 0]
    assert failure(release, target, context) == (
        "the connection failed (IncompleteRead(0 bytes read, "
        f"{release.size - 131_072} more expected)); "
        f"131,072 of {release.size:,} bytes are kept, and the next download resumes there"
    )
    assert list(target.parent.iterdir()) == [part]
    transfer.download(release, target, context)
    assert target.read_bytes() == server.content
    assert server.asked == [None, "bytes=131072-", "bytes=131072-"]
    assert list(target.parent.iterdir()) == [target]


def test_a_server_without_ranges_starts_again(
    release: Release, target: Path, part: Path, context: cfplug.Context, server: Any
) -> None:
    part.write_bytes(server.content[:500])
    server.ranges = False
    transfer.download(release, target, context)
    assert target.read_bytes() == server.content


def test_a_damaged_part_is_removed_and_all_is_fetched(
    release: Release,
    target: Path,
    part: Path,
    context: cfplug.Context,
    server: Any,
    said: list[str],
) -> None:
    part.write_bytes(b"x" * 500)
    transfer.download(release, target, context)
    assert target.read_bytes() == server.content
    assert server.asked == ["bytes=500-", None]
    assert said == ["the part of an earlier download was damaged; starting again"]


def test_a_part_that_is_whole_is_not_fetched_again(
    release: Release, target: Path, part: Path, context: cfplug.Context, server: Any
) -> None:
    part.write_bytes(server.content)
    transfer.download(release, target, context)
    assert target.read_bytes() == server.content
    assert server.asked == []


def test_a_part_that_is_too_long_is_removed(
    release: Release, target: Path, part: Path, context: cfplug.Context, server: Any
) -> None:
    part.write_bytes(server.content + b"x")
    transfer.download(release, target, context)
    assert target.read_bytes() == server.content
    assert server.asked == [None]


def test_another_file_of_the_same_size_is_removed(
    release: Release, target: Path, context: cfplug.Context, server: Any
) -> None:
    server.content = server.content[::-1]
    assert failure(release, target, context) == (
        "the downloaded file is not the published archive (another hash); it was removed"
    )
    assert list(target.parent.iterdir()) == []


def test_a_file_of_another_size_is_not_fetched(
    release: Release, target: Path, context: cfplug.Context, server: Any
) -> None:
    server.content = b"<html>Sign in to this network</html>"
    assert failure(release, target, context) == (
        f"the server has 36 bytes, the published archive {release.size:,}"
    )
    assert list(target.parent.iterdir()) == []


def test_a_stream_without_end_is_cut_off(
    release: Release, target: Path, context: cfplug.Context, server: Any
) -> None:
    server.content, server.says_length = b"0" * 5_000_000, False
    assert failure(release, target, context) == (
        f"the server sent more than the {release.size:,} bytes of the published archive"
    )
    assert list(target.parent.iterdir()) == []


def test_a_short_stream_of_unknown_length_is_not_a_whole_file(
    release: Release, target: Path, context: cfplug.Context, server: Any
) -> None:
    server.content, server.says_length, server.ranges = server.content[:400], False, False
    assert failure(release, target, context) == (
        f"the connection failed (cut off at 400 of {release.size:,} bytes); "
        f"400 of {release.size:,} bytes are kept, and the next download resumes there"
    )


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "404 Not Found"), (403, "403 Forbidden"), (503, "503 Service Unavailable")],
)
def test_a_server_that_refuses_is_quoted(
    release: Release, target: Path, context: cfplug.Context, server: Any, status: int, words: str
) -> None:
    server.status = status
    assert failure(release, target, context) == f"the server answered {words}"
    assert server.asked == [None]


def test_a_part_beyond_what_the_server_has_is_removed(
    release: Release, target: Path, part: Path, context: cfplug.Context, server: Any
) -> None:
    part.write_bytes(server.content[:900])
    server.content = server.content[:800]
    assert failure(release, target, context) == (
        "the server answered 416 Requested Range Not Satisfiable"
    )
    assert list(target.parent.iterdir()) == []


def test_a_refused_connection_fails_at_once(
    release: Release, target: Path, context: cfplug.Context
) -> None:
    nobody = attrs.evolve(release, url="http://127.0.0.1:1/tiny.zip")
    started = time.monotonic()
    assert failure(nobody, target, context) == "the connection failed (Connection refused)"
    assert time.monotonic() - started < 2


def test_a_server_that_falls_silent_is_given_up(
    release: Release,
    target: Path,
    context: cfplug.Context,
    server: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transfer, "READ_SECONDS", 0.2)
    server.breaks_after, server.hangs = [150_000, 0], True
    assert failure(release, target, context) == (
        f"the connection failed (timed out); 131,072 of {release.size:,} bytes are kept, "
        "and the next download resumes there"
    )


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no /dev/full, a disk that is full"
)
def test_a_full_disk_is_reported_and_leaves_no_file(
    release: Release, target: Path, part: Path, context: cfplug.Context
) -> None:
    part.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        transfer.download(release, target, context)
    assert list(target.parent.iterdir()) == [part]


def test_a_killed_download_leaves_a_part_that_the_next_one_takes_up(
    release: Release, cache: Path, context: cfplug.Context, server: Any
) -> None:
    server.breaks_after, server.hangs = [150_000], True
    cache.mkdir(parents=True)
    program = f"""
import cfplug, numpy
from pathlib import Path
from cfplug_movielens.releases import Release
from cfplug_movielens import download
release = {release!r}
context = cfplug.Context(0, numpy.random.default_rng(0), "cpu", Path({str(context.scratch)!r}),
                         lambda done, message: None, print)
download.obtain(release, context)
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    part = cache / "tiny.zip.part"
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size == 131_072) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert part.stat().st_size == 131_072
    server.hangs = False
    server.lets_go.set()
    transfer.download(release, cache / "tiny.zip", context)
    assert server.asked == [None, "bytes=131072-"]
    assert hashlib.sha256(
        (cache / "tiny.zip").read_bytes()
    ).hexdigest() == release.hash.removeprefix("sha256:")
