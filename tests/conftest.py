"""What several tests need: a small VOC set written by hand-made text, and the two real data sets."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("annotools", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("annotools")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # shells start background jobs so, and children inherit it: nothing would ever be interrupted
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def bccd() -> Path:
    return _shared("bccd")


@pytest.fixture(scope="session")
def microcontrollers() -> Path:
    return _shared("microcontrollers")


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.is_dir():
        pytest.skip(f"the real data set {name} is not beside this checkout")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium through Playwright (Debian: `apt install chromium fonts-wqy-microhei`); none is downloaded.

    Without one the test is skipped; ANNOTOOLS_BROWSER=required makes that a failure.
    """
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = next((found for name in names if (found := shutil.which(name))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        reason = "no browser: install Playwright and put Chromium on the PATH (apt install chromium)"
        if os.environ.get("ANNOTOOLS_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program)
        yield started
        started.close()


@pytest.fixture
def open_file(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Opens an HTML file offline; at the end nothing was asked for from outside, and nothing was printed.

    Screenshots go to the folder ANNOTOOLS_SCREENSHOTS, if that is set.
    """
    pages: list[Any] = []
    wrong: list[str] = []

    def asked_for(url: str) -> None:
        if not url.startswith(("file:", "data:")):
            wrong.append(url)

    def open_page(path: Path, *, width: int = 1280, scheme: str = "light") -> Any:
        viewport = {"width": width, "height": 900}
        page = browser.new_context(offline=True, color_scheme=scheme, viewport=viewport).new_page()
        pages.append(page)
        page.on("request", lambda asked: asked_for(asked.url))
        page.on("requestfailed", lambda asked: wrong.append(f"failed: {asked.url}"))
        page.on("console", lambda said: wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_page
    folder = os.environ.get("ANNOTOOLS_SCREENSHOTS")
    for number, page in enumerate(pages):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            name = "".join(c if c.isalnum() else "-" for c in request.node.name)
            page.screenshot(path=Path(folder) / f"{name}-{number}.png")
        page.context.close()
    assert wrong == []


@pytest.fixture(scope="session")
def sample_data() -> Path:
    return REPOSITORY / "sample_data"


def picture(width: int = 60, height: int = 40, fmt: str = "JPEG", *, mode: str = "RGB", **save: Any) -> bytes:
    """The bytes of a small image with a gradient, so that no two pixels of a row are alike."""
    from PIL import Image

    gradient = Image.linear_gradient("L").resize((width, height)).rotate(90, expand=False)
    output = BytesIO()
    gradient.convert(mode).save(output, fmt, **save)
    return output.getvalue()


def voc_xml(
    filename: str,
    objects: Sequence[tuple[str, Any, Any, Any, Any]],
    size: tuple[Any, Any, Any] | None = (60, 40, 3),
) -> bytes:
    """VOC text in labelImg's order: line 2 is the file name, objects start at line 4 and take 10 lines."""
    lines = ["<annotation>", f"\t<filename>{filename}</filename>"]
    if size is not None:
        width, height, depth = size
        lines.append(f"\t<size><width>{width}</width><height>{height}</height><depth>{depth}</depth></size>")
    for name, *box in objects:
        lines += ["\t<object>", f"\t\t<name>{name}</name>", "\t\t<difficult>0</difficult>", "\t\t<bndbox>"]
        lines += [
            f"\t\t\t<{tag}>{value}</{tag}>"
            for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        ]
        lines += ["\t\t</bndbox>", "\t</object>"]
    return "\n".join([*lines, "</annotation>", ""]).encode()


@dataclass
class Tree:
    """A VOC tree under construction."""

    root: Path
    names: list[str] = field(default_factory=list)

    def add(
        self,
        stem: str,
        objects: Sequence[tuple[str, Any, Any, Any, Any]] = (("shoes", 5, 6, 30, 35),),
        *,
        image: bytes | None = b"default",
        xml: bytes | None = b"default",
        extension: str = ".jpg",
        size: tuple[Any, Any, Any] | None = (60, 40, 3),
    ) -> Tree:
        """One image and its XML; None leaves one of them out, bytes replace it. No two images are equal."""
        annotations, images = self.root / "Annotations", self.root / "JPEGImages"
        annotations.mkdir(parents=True, exist_ok=True)
        images.mkdir(exist_ok=True)
        if image is not None:
            data = picture(comment=stem.encode("utf-8", "surrogateescape")) if image == b"default" else image
            (images / f"{stem}{extension}").write_bytes(data)
        if xml is not None:
            text = voc_xml(f"{stem}{extension}", objects, size) if xml == b"default" else xml
            (annotations / f"{stem}.xml").write_bytes(text)
        self.names.append(stem)
        return self

    def lists(self, **splits: Sequence[str]) -> Tree:
        """ImageSets/Main lists."""
        folder = self.root / "ImageSets" / "Main"
        folder.mkdir(parents=True, exist_ok=True)
        for split, stems in splits.items():
            (folder / f"{split}.txt").write_text("".join(f"{stem}\n" for stem in stems))
        return self


@pytest.fixture(scope="session")
def make_tree() -> type[Tree]:
    """For trees that several tests share."""
    return Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """An empty VOC tree to fill."""
    return Tree(tmp_path / "voc")


@pytest.fixture
def shop(tree: Tree) -> Tree:
    """40 images with 0 to 3 objects of four classes."""
    names = ["shoes", "watch", "手机", "books"]
    for number in range(40):
        objects = [
            (names[(number + k) % 4], 1 + k, 2 + number % 7, 20 + number % 13 + k, 30 + k)
            for k in range(number % 4)
        ]
        tree.add(f"img{number:03d}", objects)
    return tree


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder, by relative path."""

    def take(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return take


@pytest.fixture
def make_picture() -> Callable[..., bytes]:
    return picture


@pytest.fixture
def make_xml() -> Callable[..., bytes]:
    return voc_xml


class Gate:
    """What stands before the S3 server: it notes the requests, and answers some of them with an error.

    fail       takes the number of a request from 0 and its (method, path and query); true: 503 SlowDown
    status     of the error
    page       keys of a listing that come at a time
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.reset()

    def reset(self) -> None:
        self.fail: Callable[[int, str, str], bool] = lambda _number, _method, _path: False
        self.status = 503
        self.page = 1000
        self.requests: list[tuple[str, str, str]] = []
        self.failed = 0
        self._numbers = itertools.count()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]
        if query.startswith("list-type=2"):
            environ["QUERY_STRING"] = f"{query}&max-keys={self.page}"
        self.requests.append((method, f"{path}?{query}" if query else path, environ.get("HTTP_RANGE", "")))
        if self.fail(next(self._numbers), method, f"{path}?{query}"):
            self.failed += 1
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            name = "SlowDown" if self.status == 503 else "InternalError"
            text = f"<Error><Code>{name}</Code><Message>Please reduce your request rate.</Message></Error>"
            start_response(f"{self.status} {name}", [("Content-Type", "application/xml")])
            return [] if method == "HEAD" else [text.encode()]
        answer: Iterable[bytes] = self.app(environ, start_response)
        return answer


@dataclass(frozen=True, slots=True)
class Bucket:
    """An empty bucket on a real S3 server on the loopback device. `fs` is a client of its own."""

    url: str
    fs: Any
    gate: Gate

    def put(self, folder: Path, name: str) -> str:
        """Upload a folder; its URL."""
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                self.fs.pipe_file(
                    f"{self.url}/{name}/{file.relative_to(folder).as_posix()}", file.read_bytes()
                )
        return f"{self.url}/{name}"

    def content(self, name: str) -> dict[str, bytes]:
        """Every object below a folder, by relative name."""
        top = f"{self.url.removeprefix('s3://')}/{name}"
        return {path[len(top) + 1 :]: self.fs.cat_file(path) for path in self.fs.find(top)}


@pytest.fixture(scope="session")
def s3_server() -> Iterator[tuple[str, Gate, Any]]:
    """The endpoint, the gate before it, and a client that the tests share: making one takes 0.2 seconds."""
    import s3fs
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    class Quiet(MotoRequestHandler):
        def log_request(self, *_: Any) -> None:
            pass

    gate = Gate(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, gate, True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    options = {"endpoint_url": endpoint, "key": "somebody", "secret": "something"}
    yield endpoint, gate, s3fs.S3FileSystem(**options, skip_instance_cache=True, use_listings_cache=False)
    server.shutdown()
    thread.join()
    server.server_close()


_buckets = itertools.count()


@pytest.fixture
def bucket(
    s3_server: tuple[str, Gate, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Bucket]:
    endpoint, gate, fs = s3_server
    for name in ("AWS_PROFILE", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{next(_buckets)}"
    gate.reset()
    fs.mkdir(name)
    gate.requests.clear()
    yield Bucket(f"s3://{name}", fs, gate)
    gate.reset()
