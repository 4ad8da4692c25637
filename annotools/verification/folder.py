"""What stands around the shards: the manifest by itself, and the files beside it that repeat what it says."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from annotools.classes.class_map import ClassMap
from annotools.conversion import manifest as manifests
from annotools.conversion.manifest import Manifest
from annotools.conversion.output.place import Place
from annotools.conversion.output_formats import FORMATS
from annotools.conversion.sidecars import write_sidecars_of_format
from annotools.errors import AnnotoolsError, OptionError, OutputError
from annotools.formats.example.offsets import index_file
from annotools.verification.faults import Faults, Plain, Where

_SMALL = 64 << 20
"""Bytes beyond which no manifest or sidecar file is read."""


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
        faults.add("manifest-shape", reason, Where(place.manifest))
        return None
    for misfit in misfits:
        faults.add(
            "manifest-shape",
            "not as schemas/manifest.schema.json has it",
            Where(place.manifest, field=misfit.place),
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


def check_label_map(place: Place, manifest: Manifest, faults: Faults) -> ClassMap | None:
    """The class map of the output, if manifest and label map agree about it."""
    listed = manifest.classes
    try:
        classes = ClassMap.from_file(place.file(place.label_map))
    except AnnotoolsError as error:
        faults.add("label-map", f"cannot be read: {error}", Where(place.label_map))
        return None
    for name in {**listed, **classes.ids}:
        if listed.get(name) != classes.ids.get(name):
            faults.add(
                "label-map",
                "not the id that the manifest has",
                Where(place.label_map, field=name),
                found=classes.ids.get(name, Plain("nothing")),
                expected=listed.get(name, Plain("nothing")),
            )
    return classes if dict(classes.ids) == listed else None


def check_sidecars(place: Place, manifest: Manifest, classes: ClassMap, faults: Faults) -> None:
    """The files that the format needs beside the shards, against what would be written for this manifest."""
    rule = FORMATS[manifest.to].sidecars
    if rule is None:
        return
    with tempfile.TemporaryDirectory(prefix="annotools-") as folder:
        try:
            write_sidecars_of_format(Path(folder), manifest, classes)
        except (AnnotoolsError, OSError, ValueError) as error:  # the names in the manifest may be any
            faults.add(rule, str(error), Where(place.manifest))
            return
        for made in sorted(Path(folder).iterdir()):
            for field, message, found, expected in _differences(place.file(made.name), made.read_bytes()):
                faults.add(rule, message, Where(made.name, field=field), found=found, expected=expected)


def _differences(path: Path, expected: bytes) -> Iterator[tuple[str | None, str, object, object]]:
    """(field, message, found, expected) of each difference from what a file should hold."""
    from annotools.verification.comparison import differences

    try:
        found = read_small(path)
        if found == expected:
            return
        values = [json.loads(text) if path.suffix == ".json" else _lines(text) for text in (found, expected)]
    except OutputError as error:
        yield None, error.message, None, None
        return
    except (ValueError, RecursionError) as error:
        yield None, f"cannot be read: {error}", None, None
        return
    for at, one, other in differences(values[0], values[1]):
        yield at, "not what the manifest says", one, other


def _lines(text: bytes) -> list[str]:
    return text.decode().split("\n")


def check_strays(place: Place, manifest: Manifest | None, faults: Faults) -> None:
    """Files that a reader would take for shards, and offsets of shards, that the manifest does not list."""
    if place.single_file is not None:
        return
    listed = set(manifest.files) if manifest is not None else set()
    message = "looks like a shard, but the manifest does not list it"
    for name in shard_like(place, manifest):
        if name not in listed:
            faults.add("shard-unlisted", message, Where(name))
    if manifest is not None:
        _check_folders(place, manifest, faults)
    indices = {Path(index_file(name)).name for name in listed}
    message = "offsets of a shard that the manifest does not list"
    for name in _names(place.file("index")):
        if name.endswith(".u64") and name not in indices and manifest is not None:
            faults.add("shard-unlisted", message, Where(f"index/{name}"))


def _check_folders(place: Place, manifest: Manifest, faults: Faults) -> None:
    """Files in the folders of the format that belong to no file of the manifest."""
    form = FORMATS[manifest.to]
    if not form.folders:
        return
    known = set(manifest.files)
    for file in manifest.files:
        with contextlib.suppress(AnnotoolsError):  # the check of the file tells
            known.update(form.beside(place.file(file)))
    root = Path(place.folder)
    for top in form.folders:
        for folder, _, names in os.walk(root / top):
            for name in sorted(names):
                below = Path(folder, name).relative_to(root).as_posix()
                if below not in known:
                    message = "a file that readers of the folder take, and the manifest does not list"
                    faults.add("shard-unlisted", message, Where(below))


def shard_like(place: Place, manifest: Manifest | None) -> list[str]:
    """The files of the folder that a reader would take for shards; without a manifest TFRecord shards."""
    from annotools.formats import tfrecord

    form = None if manifest is None else FORMATS[manifest.to]
    names = _names(Path(place.folder))
    if form is not None and form.dialect is None:
        return [name for name in names if name.endswith(form.single_file)]
    return [name for name in names if tfrecord.is_shard_name(name)]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder) if entry.is_file())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise OutputError(f"cannot be read: {error.strerror}", path=str(folder)) from error
