"""The repairs that can be asked for, by name, and what is said of each one that was made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import field

from annotools.classes.spelling import cleaned
from annotools.errors import OptionError
from annotools.records import record

FIXES: dict[str, str] = {
    "split-object": "make an object of each box of an object that has several",
    "scale-boxes": "multiply the boxes of an image that was resized after it was labelled by image / <size>",
    "box-from-shape": "give objects that have only a polygon or a rotated box the upright box around it",
    "swap-inverted": "exchange xmin and xmax (ymin and ymax) that are in the wrong order",
    "clip": "move coordinates outside of the image to its edge",
    "drop-zero-area": "remove objects whose box has no width or no height",
    "drop-duplicates": "remove all but the first of equal boxes of one class",
    "size-from-image": "write width and height of the image into <size>, unless boxes may be wrong with it",
    "extension-from-content": "give the image the extension of its real format, here and in <filename>",
    "strip-class-names": "remove blanks around class names, invisible characters and split accents",
    "map-classes": "rename classes as --map-class OLD=NEW says",
}
"""Every fix, in the order in which they are applied."""


@record
class Repair:
    """One thing that was changed. `object_index` counts the objects of the original file."""

    fix: str
    message: str
    path: str | None = None
    line: int | None = None
    object_index: int | None = None

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.path, self.line) if part is not None)
        return f"{where}: {self.fix}: {self.message}"

    def as_dict(self) -> dict[str, object]:
        return dataclasses.asdict(self)


@record
class Fixes:
    """The fixes that were asked for."""

    names: frozenset[str] = frozenset()
    class_names: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def renamed(self, name: str) -> str:
        """The class name after strip-class-names and map-classes."""
        if "strip-class-names" in self.names:
            name = cleaned(name)
        return self.class_names.get(name, name)


def make_fixes(fixes: Iterable[str] | str, class_names: Mapping[str, str] | None = None) -> Fixes:
    """Check the names of fixes (a string is split at commas) and the class map old -> new.

    A class map asks for map-classes, and map-classes needs one. Raises OptionError.
    """
    pieces = [fixes] if isinstance(fixes, str) else list(fixes)
    names = {name.strip() for piece in pieces for name in piece.split(",") if name.strip()}
    for name in sorted(names):
        if name not in FIXES:
            from annotools.classes import spelling

            nearest = spelling.nearest(name, FIXES)
            raise OptionError(
                "no such fix" + (f", did you mean {nearest}?" if nearest else ""),
                field="--fix",
                found=name,
                expected=", ".join(FIXES),
            )
    mapping = dict(class_names or {})
    if mapping:
        names.add("map-classes")
    elif "map-classes" in names:
        raise OptionError("no class to rename was given", field="--map-class", expected="OLD=NEW")
    for old, new in mapping.items():
        if not new.strip():
            raise OptionError("the new name is empty", field="--map-class", found=f"{old}={new}")
    return Fixes(frozenset(names), mapping)
