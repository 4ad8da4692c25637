"""What the readers of annotools get from a folder with an output in it, whole or not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import annotools
from annotools.formats import pkl, ssd_pickle, tfrecord
from annotools.formats.example.random_access import Records

Contents = dict[str, set[Any]]


def seen_in(tree: Any, folder: Path, restore: Callable[[Any, Path], None], *, loader: bool) -> Contents:
    """What the readers get of a whole output."""
    restore(tree, folder)
    return {name: found or set() for name, found in read_all(folder, loader=loader).items()}


def read_all(folder: Path, *, loader: bool) -> dict[str, set[Any] | None]:
    """By reader: what it gave, record by record; None where it refused."""
    out = folder / "out"
    pickles = [*folder.glob("out.p*"), *out.glob("*.p*kl")]
    found: dict[str, set[Any] | None] = {
        "verify": _set(lambda: _faults(folder)),
        "tfrecord.read": _set(lambda: map(_example, tfrecord.read(out))),
        "Records": _set(lambda: map(_example, Records(out))),
        "pickles": _set(lambda: [_pickle(path) for path in pickles]),
        "make_dataset": None,
    }
    if loader:
        found["make_dataset"] = _set(lambda: _batches(out))
    return found


def _set(work: Callable[[], Iterable[Any]]) -> set[Any] | None:
    try:
        return set(work())
    except annotools.AnnotoolsError:
        return None


def _faults(folder: Path) -> list[str]:
    """The faults that `verify` finds in what has a manifest."""
    outputs = [path for path in (folder / "out", *folder.glob("out.p*")) if path.exists()]
    manifests = [*folder.glob("out/manifest.json"), *folder.glob("out.manifest.json")]
    return [f"{fault}" for path in outputs if manifests for fault in annotools.verify(path).faults]


def _example(example: Any) -> tuple[Any, ...]:
    digest = hashlib.sha256(example.encoded).hexdigest()
    return (example.filename, digest, repr(example.boxes), repr(example.labels))


def _pickle(path: Path) -> tuple[str, str]:
    """The contents of a pickle of either format."""
    try:
        return path.name, repr(list(pkl.read(path)))
    except annotools.AnnotoolsError:
        return path.name, repr(sorted(ssd_pickle.read(path).items()))


def _batches(out: Path) -> list[tuple[Any, ...]]:
    from annotools.loader import make_dataset

    found = []
    for batch in make_dataset(
        out, split="train", image_size=(80, 100), batch_size=1, epochs=1, shuffle=False
    ):
        boxes = batch["bounding_boxes"]["boxes"].numpy().tobytes()
        found.append((batch["image_id"].numpy()[0], boxes, batch["images"].numpy().tobytes()))
    return found
