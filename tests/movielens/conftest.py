"""What the tests of this plugin share: a context that listens, a tiny MovieLens, a server that misbehaves."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
import numpy as np
import pytest
from cfplug_movielens.releases import Release

import cfplug

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "ml-100k.zip"

GENRES = [
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama"),
    *("Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War"),
    "Western",
]
"""In the order of the flags in u.item."""


@pytest.fixture
def said() -> list[str]:
    """Every line that the code under test said aloud."""
    return []


@pytest.fixture
def context(said: list[str], tmp_path: Path) -> cfplug.Context:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return cfplug.Context(
        seed=0,
        rng=np.random.default_rng(0),
        device="cpu",
        scratch=scratch,
        progress=lambda done, message: None,
        say=said.append,
    )


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of its own; the path is that of this plugin's folder in it, which is not made yet."""
    monkeypatch.setenv("CFPLUG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "movielens"


@pytest.fixture(scope="session")
def real() -> Path:
    if not REAL.parent.is_dir():
        pytest.skip(f"there is no real data here: {REAL.parent} does not exist")
    return REAL


def _film(item: int, title: str, date: str, *genres: str) -> str:
    flags = "|".join("1" if genre in genres else "0" for genre in GENRES)
    return f"{item}|{title}|{date}||http://example.org/{item}|{flags}\n"


@pytest.fixture
def tiny() -> dict[str, bytes]:
    """3 users, 5 films, 8 ratings and the split u1 in the layout of 1998, as bytes by name."""
    ratings = [f"{user}\t{item}\t{1 + (user * item) % 5}\t{880000000 + user * 100 + item}\n" for user, item in PAIRS]
    films = [
        _film(1, "Toy Story (1995)", "01-Jan-1995", "Animation", "Comedy"),
        _film(2, "Les Misérables (1995) ", "4-Feb-1996", "Drama"),
        _film(3, "unknown", "", "unknown"),
        _film(4, "Land Before Time III (1994) (V)", "01-Jan-1995"),
        _film(5, "Taxi Driver (1976)", "16-Feb-1996", "Drama", "Thriller"),
    ]
    return {
        "ml-100k/u.data": "".join(ratings).encode(),
        "ml-100k/u.user": b"1|24|M|technician|85711\n2|53|F|other|94043\n3|23|M|writer|T8H1N\n",
        "ml-100k/u.item": "".join(films).encode("latin-1"),
        "ml-100k/u.genre": "".join(f"{genre}|{n}\n" for n, genre in enumerate(GENRES)).encode() + b"\n",
        "ml-100k/u1.base": "".join(sorted(ratings[2:])).encode(),
        "ml-100k/u1.test": "".join(sorted(ratings[:2])).encode(),
    }


PAIRS = [(2, 5), (1, 1), (3, 2), (1, 4), (2, 1), (3, 3), (1, 2), (2, 3)]


@pytest.fixture
def zipped(tmp_path: Path) -> Callable[..., Path]:
    """Write a zip archive of the given files; `ml-100k.zip` unless it is called otherwise."""

    def write(files: Mapping[str, bytes], name: str = "ml-100k.zip") -> Path:
        path = tmp_path / name
        path.write_bytes(zip_bytes(files))
        return path

    return write


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


@attrs.define
class Server:
    """What the local server gives and how it fails; `asked` keeps the Range header of every request."""

    url: str
    content: bytes = b""
    status: int = 200
    ranges: bool = True
    says_length: bool = True
    breaks_after: list[int] = attrs.field(factory=list)
    hangs: bool = False
    asked: list[str | None] = attrs.field(factory=list)
    lets_go: threading.Event = attrs.field(factory=threading.Event)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        server: Server = self.server.plan  # type: ignore[attr-defined]
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.ranges else 0
        if start >= len(server.content) > 0:
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if server.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        stop = server.breaks_after.pop(0) if server.breaks_after else len(body)
        with contextlib.suppress(ConnectionError):  # the reader has heard enough
            self.wfile.write(body[:stop])
            self.wfile.flush()
        if server.hangs:
            server.lets_go.wait(20)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listening:
        plan = Server(f"http://127.0.0.1:{listening.server_port}/tiny.zip")
        listening.plan = plan  # type: ignore[attr-defined]
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield plan
        plan.lets_go.set()
        listening.shutdown()
        thread.join()


@pytest.fixture
def release(server: Server, tiny: dict[str, bytes]) -> Release:
    """The tiny MovieLens as the local server publishes it, with 300 kB that cannot be packed any smaller."""
    server.content = zip_bytes({**tiny, "ml-100k/README": np.random.default_rng(0).bytes(300_000)})
    return Release(
        name="movielens-tiny",
        file="tiny.zip",
        url=server.url,
        hash=f"sha256:{hashlib.sha256(server.content).hexdigest()}",
        size=len(server.content),
        unpacked=1_000_000,
        ratings_sha256=hashlib.sha256(tiny["ml-100k/u.data"]).hexdigest(),
    )
