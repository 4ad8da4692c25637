"""What stands around the shards: the manifest by itself, and the files beside it that repeat what it says."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotools.classes.class_map import ClassMap
from annotools.conversion import manifest as manifests
from annotools.conversion.manifest import Manifest
from annotools.conversion.output.place import Place
from annotools.errors import AnnotoolsError, OptionError, OutputError
from annotools.formats.example.framing import index_file
from annotools.ledger import Tally
from annotools.verification.faults import Faults, Plain

_SMALL = 64 << 20
"""Bytes beyond which no manifest or companion is read."""


def find_output(output: str | os.PathLike[str]) -> Place:
    """OutputError where there is nothing, or nothing finished."""
    text = os.fspath(output)
    if "://" in text:
        raise OptionError("only local outputs can be verified", field="OUTPUT", found=text)
    path = Path(text)
    if path.is_dir():
        place = Place(text, text)
    elif path.is_file():
        place = Place(text, str(path.parent), path.name)
    else:
        raise OutputError("does not exist", path=text, expected="an output of annotools convert")
    if not place.file(place.manifest).is_file():
        if place.file(place.state).is_dir():
            message = "the conversion did not finish: the same `annotools convert` command goes on from there"
        else:
            message = "no manifest: this is no output of annotools convert, or one that did not finish"
        raise OutputError(message, path=str(place.file(place.manifest)))
    return place


def read_manifest(place: Place, faults: Faults) -> Manifest | None:
    """The manifest; None, and faults, where it does not have the shape of one."""
    try:
        manifest, misfits = manifests.from_content(json.loads(read_small(place.file(place.manifest))))
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else f"not JSON: {error}"
        faults.add("manifest-shape", reason, file=place.manifest)
        return None
    for misfit in misfits:
        faults.add(
            "manifest-shape",
            "not as schemas/manifest.schema.json has it",
            file=place.manifest,
            field=misfit.place,
            found=misfit.found,
            expected=Plain(misfit.expected),
        )
    return manifest


def read_small(path: Path) -> bytes:
    """A file that is small unless something is wrong. OutputError."""
    try:
        with open(path, "rb") as file:
            data = file.read(_SMALL + 1)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot be read: {error}", path=str(path)) from error
    if len(data) > _SMALL:
        raise OutputError("is far too large", path=str(path), expected=f"{_SMALL} bytes at most")
    return data


def check_sums(manifest: Manifest, faults: Faults, name: str) -> None:
    """The numbers of the manifest against each other."""

    def compare(at: str, found: object, expected: object, message: str) -> None:
        if found != expected:
            faults.add("manifest-sum", message, file=name, field=at, found=found, expected=expected)

    splits = manifest.splits
    files = Counter(manifest.files)
    for file, times in files.items():
        compare("splits", times, 1, f"{file!r} is listed more than once")
    for split_name, split in splits.items():
        at = f"splits/{split_name}"
        records = sum(shard.records for shard in split.shards)
        compare(f"{at}/records", split.records, records, "not the sum over its shards")
        classes = split.classes.total()
        compare(f"{at}/objects", split.objects, classes, "not the sum over its classes")
        for class_name in sorted(split.classes.keys() - manifest.classes.keys()):
            compare(f"{at}/classes", class_name, None, "a class that is not in the class map")
    images, objects = manifest.ledger.images, manifest.ledger.objects
    records = sum(split.records for split in splits.values())
    boxes = sum(split.objects for split in splits.values())
    tallies: list[tuple[str, str, Tally, int]] = [
        ("images", "skipped", images, records),
        ("objects", "dropped", objects, boxes),
    ]
    for what, lost_key, tally, written in tallies:
        compare(f"ledger/{what}/written", tally.written, written, "not the sum over the splits")
        message = f"found is not written + {lost_key}"
        compare(f"ledger/{what}/found", tally.found, tally.written + tally.lost.total(), message)


def check_label_map(place: Place, manifest: Manifest, faults: Faults) -> ClassMap | None:
    """The class map of the output, if manifest and label map agree about it."""
    listed = manifest.classes
    try:
        classes = ClassMap.from_file(place.file(place.label_map))
    except AnnotoolsError as error:
        faults.add("label-map", f"cannot be read: {error}", file=place.label_map)
        return None
    for name in {**listed, **classes.ids}:
        if listed.get(name) != classes.ids.get(name):
            faults.add(
                "label-map",
                "not the id that the manifest has",
                file=place.label_map,
                field=name,
                found=classes.ids.get(name, Plain("nothing")),
                expected=listed.get(name, Plain("nothing")),
            )
    return classes if dict(classes.ids) == listed else None


def check_tfds(place: Place, manifest: Manifest, classes: ClassMap, faults: Faults) -> None:
    """The metadata of tensorflow_datasets against what would be written for this manifest."""
    from annotools.formats import tfds

    splits = {
        name: [(shard.records, shard.bytes) for shard in split.shards]
        for name, split in manifest.splits.items()
    }
    with tempfile.TemporaryDirectory(prefix="annotools-") as folder:
        try:
            tfds.write_metadata(folder, classes=classes, splits=splits)
        except AnnotoolsError as error:
            faults.add("tfds-metadata", str(error), file=place.manifest)
            return
        for made in sorted(Path(folder).iterdir()):
            _check_same(place.file(made.name), made.read_bytes(), faults)


def _check_same(path: Path, expected: bytes, faults: Faults) -> None:
    try:
        found = read_small(path)
    except OutputError as error:
        faults.add("tfds-metadata", error.message, file=path.name)
        return
    if found == expected:
        return
    try:
        values = [json.loads(text) if path.suffix == ".json" else _lines(text) for text in (found, expected)]
    except (ValueError, RecursionError) as error:
        faults.add("tfds-metadata", f"cannot be read: {error}", file=path.name)
        return
    message = "not what the manifest says"
    for at, one, other in _differences(values[0], values[1], ()):
        faults.add("tfds-metadata", message, file=path.name, field=at, found=one, expected=other)


def _lines(text: bytes) -> list[str]:
    return text.decode().split("\n")


def _differences(found: Any, expected: Any, at: tuple[str, ...]) -> Iterator[tuple[str, object, object]]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in {**expected, **found}:
            yield from _differences(found.get(key), expected.get(key), (*at, str(key)))
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        for index, (one, other) in enumerate(zip(found, expected, strict=True)):
            yield from _differences(one, other, (*at, str(index)))
    elif found != expected:
        yield "/".join(at), found, expected


def check_strays(place: Place, manifest: Manifest | None, faults: Faults) -> None:
    """Files that a reader would take for shards, and offsets of shards, that the manifest does not list."""
    if place.single_file is not None:
        return
    listed = set(manifest.files) if manifest is not None else set()
    message = "looks like a shard, but the manifest does not list it"
    for name in shard_like(place, "tfrecord" if manifest is None else manifest.to):
        if name not in listed:
            faults.add("shard-unlisted", message, file=name)
    indices = {Path(index_file(name)).name for name in listed}
    message = "offsets of a shard that the manifest does not list"
    for name in _names(place.file("index")):
        if name.endswith(".u64") and name not in indices and manifest is not None:
            faults.add("shard-unlisted", message, file=f"index/{name}")


def shard_like(place: Place, to: str) -> list[str]:
    """The files of the folder that a reader of the format would take for shards."""
    from annotools.formats import tfrecord

    if to in ("pickle", "ssd-pickle"):
        return [name for name in _names(Path(place.folder)) if name.endswith((".pkl", ".pickle", ".p"))]
    return [name for name in _names(Path(place.folder)) if tfrecord.is_shard_name(name)]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutputError(f"cannot be read: {error.strerror}", path=str(folder)) from error
