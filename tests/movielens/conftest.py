"""Shared fixtures: a context that records, a tiny MovieLens, a server that misbehaves."""

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

REAL = Path(__file__).parents[2].parent / "shared" / "data"

GENRES = [
    *(
        "unknown",
        "Action",
        "Adventure",
        "Animation",
        "Children's",
        "Comedy",
        "Crime",
        "Documentary",
        "Drama",
    ),
    *(
        "Fantasy",
        "Film-Noir",
        "Horror",
        "Musical",
        "Mystery",
        "Romance",
        "Sci-Fi",
        "Thriller",
        "War",
    ),
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
    """Set an empty cache; return the path of this plugin's folder, which does not exist yet."""
    monkeypatch.setenv("CFPLUG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "movielens"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real archives."""
    if not REAL.is_dir():
        pytest.skip(f"there is no real data here: {REAL} does not exist")
    return REAL


@pytest.fixture(scope="session")
def real(real_data: Path) -> Path:
    return real_data / "ml-100k.zip"


def _film(item: int, title: str, date: str, *genres: str) -> str:
    flags = "|".join("1" if genre in genres else "0" for genre in GENRES)
    return f"{item}|{title}|{date}||http://example.org/{item}|{flags}\n"


@pytest.fixture
def tiny() -> dict[str, bytes]:
    """3 users, 5 films, 8 ratings and the split u1 in the layout of 1998, as bytes by name."""
    ratings = [
        f"{user}\t{item}\t{1 + (user * item) % 5}\t{880000000 + user * 100 + item}\n"
        for user, item in PAIRS
    ]
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
        "ml-100k/u.genre": "".join(f"{genre}|{n}\n" for n, genre in enumerate(GENRES)).encode()
        + b"\n",
        "ml-100k/u1.base": "".join(sorted(ratings[2:])).encode(),
        "ml-100k/u1.test": "".join(sorted(ratings[:2])).encode(),
    }


PAIRS = [(2, 5), (1, 1), (3, 2), (1, 4), (2, 1), (3, 3), (1, 2), (2, 3)]


@pytest.fixture
def tiny_1m() -> dict[str, bytes]:
    """2 users, 4 films (one of them not rated) and 5 ratings in the layout of MovieLens 1M."""
    ratings = [
        "1::1193::5::978300760",
        "1::3408::4::978300275",
        "2::1193::5::978298413",
        "2::260::3::978299000",
    ]
    films = [
        "260::Star Wars: Episode IV (1977)::Action|Sci-Fi",
        "1193::Misérables, Les (1995)::Drama",
    ]
    films += ["3408::Erin Brockovich (2000)::Drama", "3952::Contender, The (2000)::Drama|Thriller"]
    return {
        "ml-1m/users.dat": b"1::F::1::10::48067\n2::M::56::16::70072-1\n",
        "ml-1m/movies.dat": "".join(f"{film}\n" for film in films).encode("latin-1"),
        "ml-1m/ratings.dat": "".join(
            f"{rating}\n" for rating in [*ratings, "2::3408::1::978299100"]
        ).encode(),
    }


@pytest.fixture
def tiny_10m() -> dict[str, bytes]:
    """2 users, 3 films, 4 ratings and 5 tags in the layout of MovieLens 10M."""
    ratings = [
        "1::122::5::838985046",
        "1::185::4.5::838983525",
        "7::122::0.5::868246450",
        "7::292::3::868246191",
    ]
    films = ["122::Boomerang (1992)::Comedy|Romance", "185::Misérables, Les (1995)::Drama"]
    tags = [
        "15::185::Excellent!::1215184630",
        "20::185::politics::1188263867",
        "1::185:: excellent! ::1188263800",
    ]
    tags += ["20::292::::1188263835", "20::292::SATIRE: dark::1188263755"]
    return {
        "ml-10M100K/movies.dat": "\n".join(
            [*films, "292::Pull My Daisy (1958)::(no genres listed)", ""]
        ).encode(),
        "ml-10M100K/ratings.dat": "".join(f"{rating}\n" for rating in ratings).encode(),
        "ml-10M100K/tags.dat": "".join(f"{tag}\n" for tag in tags).encode(),
    }


@pytest.fixture
def tiny_csv() -> dict[str, bytes]:
    """Return 2 users, 4 films (1 unrated), 5 ratings and 4 tags as since 2015, with a genome."""
    return {
        "ml-25m/ratings.csv": b"userId,movieId,rating,timestamp\n"
        b"1,296,5.0,1147880044\n1,306,3.5,1147868817\n"
        b"2,296,0.5,1147868828\n2,307,4.0,1147878820\n2,665,4.5,1147878821\n",
        "ml-25m/movies.csv": 'movieId,title,genres\n296,"Pulp, Fiction (1994)",Comedy|Crime\n'
        '306,"Three ""Colors"" (1994) ",Drama\n'
        "307,Mis\u00e9rables (2006\u20132007),(no genres listed)\n"
        "665,NA,War\n".encode(),
        "ml-25m/tags.csv": b"userId,movieId,tag,timestamp\n"
        b"3,306,classic,1439472355\n3,306,Sci-Fi,1439472256\n"
        b'4,306,CLASSIC,1573943598\n4,665,"so, null",1573943604\n',
        "ml-25m/links.csv": b"movieId,imdbId,tmdbId\n"
        b"296,0110912,680\n306,0111495,\n307,0108394,108\n665,0114787,11902\n",
        "ml-25m/genome-scores.csv": b"movieId,tagId,relevance\n"
        b"296,1,0.029\n296,2,0.5\n296,3,1\n306,1,0.75\n306,2,2.5E-4\n",
        "ml-25m/genome-tags.csv": b'tagId,tag\n1,007\n2,"violent, very"\n3,Cult film\n',
    }


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
    """The content of the local server, how it fails, and the Range header of every request."""

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
        start = (
            int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.ranges else 0
        )
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
    """Return the tiny MovieLens on the local server, with 300 kB that cannot be compressed."""
    server.content = zip_bytes({**tiny, "ml-100k/README": np.random.default_rng(0).bytes(300_000)})
    return Release(
        name="movielens-tiny",
        ask="use: movielens-tiny",
        ratings=8,
        file="tiny.zip",
        url=server.url,
        hash=f"sha256:{hashlib.sha256(server.content).hexdigest()}",
        size=len(server.content),
        unpacked=1_000_000,
        ratings_sha256=hashlib.sha256(tiny["ml-100k/u.data"]).hexdigest(),
    )
