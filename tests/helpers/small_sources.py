"""Small data sets on disk, and what a source tells of them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from annotools.sources.source import Source


def xml(filename: str = "") -> bytes:
    return f"<annotation><filename>{filename}</filename></annotation>".encode()


def make(root: Path, *names: str) -> Path:
    """A folder of files; XML is VOC without a file name, other files hold their own name."""
    for name in names:
        put(root / name, xml() if name.endswith(".xml") else name.encode())
    return root


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def table(source: Source, split: str | None = None) -> list[tuple[str, str | None, str | None, str | None]]:
    return [(pair.id, pair.xml, pair.image, pair.split) for pair in source.pairs(split)]


def copied(source: Source) -> Source:
    """What a worker process gets."""
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301  # our own bytes
    assert isinstance(copy, Source)
    return copy


def rules(source: Source) -> list[tuple[str, str, str | None]]:
    root = os.path.join(source.root, "")
    return sorted((i.rule, i.severity, i.path and i.path.removeprefix(root)) for i in source.issues())


def lists(root: Path, **texts: str | bytes) -> Path:
    for name, text in texts.items():
        content = text.encode() if isinstance(text, str) else text
        put(root / "ImageSets" / "Main" / f"{name}.txt", content)
    return root
