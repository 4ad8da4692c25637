"""Images kept on disk between runs, under a name that changes with everything they depend on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from annotools.augment import Sample
from annotools.errors import OutputError
from annotools.files.whole import whole
from annotools.formats.example.framing_writer import Writer
from annotools.formats.example.record_index import RecordIndex
from annotools.loader.options import StrPath
from annotools.loader.sources.examples import Examples
from annotools.loader.sources.image_table import ImageTable, table_of_samples

_VERSION = 1  # of what the files hold
_ARRAYS = ("names", "sizes", "starts", "corners", "labels", "difficult")


def on_disk(
    folder: StrPath,
    examples: Examples,
    wanted: dict[str, Any],
    make: Callable[[], Iterable[Sample]],
) -> ImageTable:
    """The table of the samples that `make` gives, whose images lie in `folder`; made where it is not there.

    wanted  what is done to the images: "shape" (H, W, 3) of pixels, or None, and whatever else changes them

    The name is a hash of the files of `examples` (size, time of change), of `wanted` and of TensorFlow's
    version, whose decoders differ. A run that is killed leaves nothing that a later one would take for
    finished. OutputError where it cannot be written.
    """
    depends = {"version": _VERSION, "tensorflow": tf.__version__, "source": examples.fingerprint(), **wanted}
    key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:20]
    place = Path(folder) / key
    records, table = place / "images.tfrecord", place / "table.npz"
    if not table.is_file():
        try:
            place.mkdir(parents=True, exist_ok=True)
            with whole(records) as unfinished:
                made = _written(unfinished, examples, make())
            with whole(table) as unfinished, open(unfinished, "wb") as file:
                known: Any = {name: np.array(getattr(made, name)) for name in _ARRAYS}
                np.savez(file, **known)
        except OSError as error:
            raise OutputError(f"cannot write: {error.strerror}", path=str(place)) from error
    with np.load(table, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in _ARRAYS}
    arrays["names"] = arrays["names"].tolist()
    index = RecordIndex.of([os.path.abspath(records)])
    shape = wanted["shape"]
    return ImageTable(examples.path, examples.classes, images=index, kind="record", shape=shape, **arrays)


def _written(file: Path, examples: Examples, samples: Iterable[Sample]) -> ImageTable:
    writer = Writer(file, digest=False)
    try:
        return table_of_samples(
            examples.path,
            examples.classes,
            samples,
            len(examples),
            keep=lambda image: writer.write(image if isinstance(image, bytes) else image.tobytes()),
        )
    finally:
        writer.close()
