"""The net: named texts of what annotools made, and their digests in groups."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import inspect
import io
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

ALWAYS = "always"
DIGITS = 12


def version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def group(*distributions: str) -> str:
    """The group of items that depend on these packages: compared where the versions are the same."""
    names = ", ".join(f"{name} {version(name)}" for name in distributions)
    return f"{names}, {sys.platform} {platform.machine()}"


def sentences() -> str:
    """The group of items with sentences: some are those of the XML parser, of Pillow and of Python."""
    return f"sentences, python {sys.version_info.major}.{sys.version_info.minor}, {group('lxml', 'pillow')}"


@dataclasses.dataclass
class Net:
    """What is recorded in one run.

    work     an empty folder, the current one meanwhile: sources and outputs lie in it, so that no path says
             where it is
    only     items whose name begins so; "" for all
    keep     a folder for the text behind each digest, or None
    """

    work: Path
    only: str = ""
    keep: Path | None = None
    groups: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    words: dict[str, list[str]] = dataclasses.field(default_factory=dict)

    def wants(self, name: str) -> bool:
        """Whether an item called `name`, or below it, may be asked for."""
        return name.startswith(self.only) or self.only.startswith(name)

    def add(self, name: str, text: str | bytes, *, where: str = ALWAYS) -> None:
        """Note one item, without the working folder and addresses of memory in it."""
        if not name.startswith(self.only):
            return
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        data = data.replace(str(self.work).encode() + b"/", b"").replace(str(self.work).encode(), b".")
        data = re.sub(rb"object at 0x[0-9a-f]+", b"object at 0x", data)
        items = self.groups.setdefault(where, {})
        if name in items:
            raise KeyError(f"two items are called {name}")
        items[name] = hashlib.sha256(data).hexdigest()[:DIGITS]
        if self.keep is not None:
            path = self.keep / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def add_said(self, name: str, what: Any, *, where: str = ALWAYS) -> None:
        """One item of plain data without its sentences, which go into one item for names that begin alike."""
        self.add(name, as_json(without_words(what)), where=where)
        top = "/".join(name.split("/")[:2])
        if top.startswith(self.only):
            self.words.setdefault(f"{top}/words", []).append(f"{name} {as_json(what)}")

    def add_words(self) -> None:
        """At the end: the items of sentences."""
        for name, texts in self.words.items():
            self.add(name, "".join(texts), where=sentences())

    def add_folder(self, name: str, folder: Path, *, where: str = ALWAYS) -> None:
        """Names and SHA-256 of all files below a folder, and the manifests apart."""
        manifests, rest = [], []
        for path in files_below(folder):
            line = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(folder).as_posix()}\n"
            if path.name.endswith("manifest.json"):
                manifests.append(path.read_bytes())
            else:
                rest.append(line)
        self.add(f"{name}/files", "".join(rest), where=where)
        if manifests:
            self.add(f"{name}/manifest", b"".join(manifests), where=where)

    @contextlib.contextmanager
    def folder(self, name: str = "out") -> Iterator[Path]:
        """A name in the working folder that is free, and free again afterwards."""
        remove(Path(name))
        yield Path(name)
        remove(Path(name))


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def files_below(folder: Path) -> list[Path]:
    """Sorted; without the journal in .annotools, which holds the times of files."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and ".annotools" not in path.relative_to(folder).parts
    )


def as_json(value: Any) -> str:
    return json.dumps(plain(value), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def plain(value: Any) -> Any:
    """Records as dictionaries without what is empty, so that a new field changes only what has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {name: one for name, one in found.items() if one not in (None, [], {}, "", 0)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):  # NumPy
        return [str(value.dtype), plain(value.tolist())]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def without_words(value: Any) -> Any:
    """The same data without sentences: a better wording changes nothing in it."""
    value = plain(value)
    if isinstance(value, dict):
        words = ("message", "expected", "found", "text", "error")
        return {
            key: without_words(one)
            for key, one in value.items()
            if not (key in words and isinstance(one, str))
        }
    if isinstance(value, list):
        return [without_words(one) for one in value]
    return value


def run_command(*arguments: str | os.PathLike[str]) -> dict[str, Any]:
    """The exit code, stdout and stderr of `annotools ARGUMENTS`, run in this process."""
    from annotools.cli import main

    streams = [io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape") for _ in range(2)]
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            code: Any = main([os.fspath(one) for one in arguments])
        except SystemExit as stop:
            code = stop.code
    found = []
    for stream in streams:
        stream.flush()
        assert isinstance(stream.buffer, io.BytesIO)
        found.append(stream.buffer.getvalue().decode("utf-8", "surrogateescape"))
    return {"exit": code, "stdout": found[0], "error": found[1]}


def run_json(*arguments: str | os.PathLike[str]) -> dict[str, Any]:
    """The same for a command whose stdout is JSON."""
    said = run_command(*arguments)
    with contextlib.suppress(ValueError):
        said["stdout"] = json.loads(said["stdout"])
    return said


def attempt(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a call gives, an iterator as a list; or the error of annotools as plain data."""
    from annotools import AnnotoolsError

    try:
        result = function(*arguments, **options)
        return list(result) if isinstance(result, Iterator) else result
    except AnnotoolsError as error:
        issues = [plain(issue) for issue in getattr(error, "issues", ())]
        return {"raised": type(error).__name__, "line": error.line, "message": str(error), "issues": issues}


def folder_options(function: Callable[..., Any], annotations: str, images: str) -> dict[str, str]:
    """The keywords that name the two folders: `images` became `image_folder` in convert."""
    known = inspect.signature(function).parameters
    return {"annotations": annotations, "image_folder" if "image_folder" in known else "images": images}
