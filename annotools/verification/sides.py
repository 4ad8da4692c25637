"""The two sides of a comparison, image by image: what a source gives, and what the output holds."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from annotools.conversion.outcome import Outcome
from annotools.conversion.output.place import Place
from annotools.conversion.plan import Plan
from annotools.errors import RecordError
from annotools.formats.entry import Entry
from annotools.formats.example.features import read_features
from annotools.formats.example.offsets import read_offsets
from annotools.records import record
from annotools.verification.dialects import CHECKS
from annotools.verification.faults import Where
from annotools.verification.pieces import pieces
from annotools.verification.shard import numbered

Said = Mapping[str, Any]
"""What a record says, by field; images as their size and SHA-256."""


@record
class Item:
    """An image on one of the two sides.

    says      what its record says
    content   the record, to be compared as a whole; None: only `says` is left of it
    where     its place in the output
    """

    key: str
    says: Callable[[], Said]
    content: Any
    where: Where = Where()

    def light(self) -> Item:
        """The item without its image."""
        said = self.says()
        return Item(self.key, lambda: said, None, self.where)


@record
class Unit:
    """Files of the output, and the shards of the plan that they should hold together, in order."""

    files: tuple[str, ...]
    places: tuple[int, ...]


@record
class RecordSides:
    """Both sides where files are TFRecord shards."""

    plan: Plan
    place: Place

    def expect(self, outcome: Outcome) -> Item | None:
        """What the source gives; None for an image that is not written."""
        example, options = outcome.example, self.plan.options
        if example is None:
            return None
        head, tail = options.format.functions.encode(example, options.classes)
        return self._item(example.filename, head + example.encoded + tail)

    def read(self, file: str, unit: Unit) -> Iterator[Item]:
        """What can be read of a file of the output. Raises OSError, ValueError."""
        path = self.place.file(file)
        with open(path, "rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            for number, piece in numbered(pieces(opened, size), read_offsets(path, size)):
                if piece.data is not None:
                    item = self._item(_filename(piece.data), piece.data)
                    yield replace(item, where=Where(file, number, piece.offset))

    def _item(self, key: str, record: bytes) -> Item:
        image_key = CHECKS[self.plan.options.format.dialect or ""].image_key
        return Item(key, partial(_said, record, image_key), record)


def _filename(record: bytes) -> str:
    try:
        values = read_features(record).get("image/filename", ("bytes", ()))[1]
    except RecordError:
        return ""
    return values[0].decode(errors="backslashreplace") if values and isinstance(values[0], bytes) else ""


def _said(record: bytes, image_key: str) -> Said:
    try:
        found = {key: list(values) for key, (_, values) in read_features(record).items()}
    except RecordError as error:
        return {"(the record)": f"unreadable: {error.message}"}
    if image_key in found:
        found[image_key] = [
            f"{len(image)} bytes with SHA-256 {hashlib.sha256(image).hexdigest()}"
            if isinstance(image, bytes)
            else image
            for image in found[image_key]
        ]
    return found


@record
class EntrySides:
    """Both sides where files are something else."""

    plan: Plan
    place: Place

    def expect(self, outcome: Outcome) -> Item | None:
        """What the source gives; None for an image that is not written."""
        options = self.plan.options
        content = getattr(outcome, options.format.holds)
        if content is None:
            return None
        entry = options.format.entry_of(content, options.classes.ids, upright=options.exif == "upright")
        return _item(entry, entry.key.removeprefix(self._root))

    def read(self, file: str, unit: Unit) -> Iterator[Item]:
        """What can be read of a file of the output. Raises what the format's reader raises.

        Paths of XML begin with the source as it was called then: of them only the end counts.
        """
        options = self.plan.options
        names: set[str] | None = None
        entries = options.format.entries(
            self.place.file(file), options.classes.ids, upright=options.exif == "upright"
        )
        for number, entry in enumerate(entries):
            key = entry.key
            if options.format.path_keys and key.startswith(self._root):
                key = key.removeprefix(self._root)
            elif options.format.path_keys:
                names = names or self._xml_names(unit)
                key = next((end for end in _ends(key) if end in names), key)
            yield replace(_item(entry, key), where=Where(file, number))

    @property
    def _root(self) -> str:
        return self.plan.source.display("x")[:-1]

    def _xml_names(self, unit: Unit) -> set[str]:
        plan = self.plan
        entries = (entry for place in unit.places for entry in plan.entries(plan.shards[place]))
        return {plan.source.display(e.pair.xml).removeprefix(self._root) for e in entries if e.pair.xml}


def _item(entry: Entry, key: str) -> Item:
    said = entry.says()
    return Item(key if entry.split is None else f"{entry.split}/{key}", lambda: said, said)


def _ends(path: str) -> Iterator[str]:
    """`b/c.xml`, `c.xml` for `a/b/c.xml`."""
    while path:
        path = re.split(r"[/\\]", path, maxsplit=1)[1] if re.search(r"[/\\]", path) else ""
        yield path


def sides_of(plan: Plan, place: Place) -> RecordSides | EntrySides:
    """The two sides of an output at `place` and the source of the plan."""
    return EntrySides(plan, place) if plan.options.format.dialect is None else RecordSides(plan, place)
