"""One reader of a VOC data set, timed. Runs in the environment of the package that it reads with.

    python benchmarks/peer_readers.py PACKAGE SOURCE

prints {"wall": s, "cpu": s, "objects": n} as JSON. The import of the package is not part of the time, nor
is anything but the reading of all annotations into that package's own records.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any


def read_annotools() -> Callable[[str], int]:
    import annotools

    # The first use of a name imports what is behind it.
    read = annotools.read
    return lambda source: sum(len(annotation.objects) for annotation in read(source))


def read_annotools_xml() -> Callable[[str], int]:
    from annotools.formats import voc

    def read(source: str) -> int:
        return sum(len(annotation.objects) for annotation in voc.read(os.path.join(source, "Annotations")))

    return read


def read_globox() -> Callable[[str], int]:
    import globox  # type: ignore[import-not-found]

    def read(source: str) -> int:
        found = globox.AnnotationSet.from_pascal_voc(os.path.join(source, "Annotations"))
        return sum(len(annotation.boxes) for annotation in found)

    return read


def read_pylabel() -> Callable[[str], int]:
    from pylabel import importer  # type: ignore[import-not-found]

    def read(source: str) -> int:
        path = os.path.join(source, "Annotations")
        return len(importer.ImportVOC(path=path, path_to_images="../JPEGImages/").df)

    return read


def read_supervision() -> Callable[[str], int]:
    import supervision  # type: ignore[import-not-found]

    def read(source: str) -> int:
        found: Any = supervision.DetectionDataset.from_pascal_voc(
            os.path.join(source, "JPEGImages"), os.path.join(source, "Annotations")
        )
        return sum(len(detections) for detections in found.annotations.values())

    return read


READERS = {
    "annotools": read_annotools,
    "annotools, XML only": read_annotools_xml,
    "globox": read_globox,
    "pylabel": read_pylabel,
    "supervision": read_supervision,
}


def main(package: str, source: str) -> None:
    warnings.simplefilter("ignore")
    read = READERS[package]()
    with contextlib.redirect_stdout(io.StringIO()):  # some print progress
        wall, cpu = time.perf_counter(), time.process_time()
        objects = read(source)
        result = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "objects": objects}
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
