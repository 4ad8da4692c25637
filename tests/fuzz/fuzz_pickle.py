"""Anything as a pickle: annotools' own, that of ssd_keras, and as a value by itself."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from annotools.errors import PickleError, SourceError
from annotools.formats import pkl, ssd_pickle
from annotools.formats.pickling import reader as pickle_reader
from annotools.records import Annotation

MEMORY = Path("/dev/shm")  # a file on a disk takes ten times as long as all that is tried here
FOLDER = tempfile.mkdtemp(prefix="annotools-fuzz-", dir=MEMORY if MEMORY.is_dir() else None)
FILE = Path(FOLDER) / "x.pkl"
PLAIN = (type(None), bool, int, float, str, bytes)


def check(data: bytes) -> None:
    """Plain values and no others, or a PickleError; nothing of the file is ever executed."""
    try:
        check_value(pickle_reader.load(data, path="x"), 0)
    except PickleError as error:
        assert str(error).startswith("x")
        assert "\n" not in str(error)
    FILE.write_bytes(data)
    try:
        for annotation in pkl.read(FILE):
            assert type(annotation) is Annotation
    except (PickleError, SourceError) as error:
        assert error.path == str(FILE)
    try:
        arrays = ssd_pickle.read(FILE)
    except PickleError as error:
        assert error.path == str(FILE)
        return
    for key, array in arrays.items():
        assert isinstance(key, str)
        assert array.dtype == np.float64
        assert array.ndim == 2


def check_value(value: Any, depth: int) -> None:
    """Down to a depth, as a value may well hold itself."""
    if depth > 8:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            check_value(key, depth + 1)
            check_value(item, depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in value[:20]:
            check_value(item, depth + 1)
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in "biufc"
    else:
        assert isinstance(value, PLAIN), type(value)
