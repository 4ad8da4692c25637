"""Rules on the data set as a whole: how its boxes count pixels, and which fields are written everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator

from annotools.issues import Issue
from annotools.validation.rules.image import EXTENSIONS
from annotools.validation.rules.rule import DataSet, finds_in_data_set

_FOLDERS_LOOKED_AT = 100
_NAMES_LOOKED_FOR = 3


@finds_in_data_set("images-elsewhere")
def images_elsewhere(data_set: DataSet) -> Iterator[Issue]:
    """Half of the annotations have no image, and a folder beside the source or beside the one above has them.

    Whoever names `VOC2007/Annotations` as the source has the images in `../JPEGImages`.
    """
    missing, root = data_set.census.without_image, data_set.source.root
    if not missing.count * 2 >= data_set.census.files > 0 or not os.path.isdir(root):
        return
    stems = [os.path.splitext(os.path.basename(path or ""))[0] for path, _, _ in missing.places]
    for folder in _beside(root):
        found = [_image_in(folder, stem) for stem in stems[:_NAMES_LOOKED_FOR]]
        if all(found):
            there = os.path.relpath(folder, root)
            message = (
                f"image: {missing.count} annotations have none below the source, but {there} has "
                f"{found[0]!r} (--image-folder {there})"
            )
            yield Issue.of("images-elsewhere", message, root)
            return


def _beside(root: str) -> Iterator[str]:
    """The folders beside a folder, and beside the one above it."""
    here = os.path.abspath(root)
    for above in (os.path.dirname(here), os.path.dirname(os.path.dirname(here))):
        try:
            names = sorted(os.listdir(above))
        except OSError:
            continue
        folders = (os.path.join(above, name) for name in names)
        yield from [one for one in folders if one != here and os.path.isdir(one)][:_FOLDERS_LOOKED_AT]


def _image_in(folder: str, stem: str) -> str | None:
    for extension in (one for group in EXTENSIONS.values() for one in group):
        for name in (stem + extension, stem + extension.upper()):
            if os.path.exists(os.path.join(folder, name)):
                return name
    return None


MANY = 3
"""Files or boxes below which a share says nothing about a data set."""


@finds_in_data_set("normalised-boxes")
def normalised(data_set: DataSet) -> Iterator[Issue]:
    """Files whose boxes all lie between 0 and 1: most of them, or so many that it is no slip.

    A converter forgot to multiply by the size of the image (fiftyone#1426, VoTT#223). Read as pixels, each
    box is smaller than one, and the loader drops every object as too small.
    """
    census = data_set.census
    found = census.in_shares
    if found.count * 2 >= census.with_boxes > 0 or found.count >= 3 * MANY:
        message = (
            f"bndbox: {found.count} of {census.with_boxes} files have all coordinates between 0 and 1, "
            "expected pixels: they are shares of the image, and were not multiplied by its size"
        )
        yield Issue.of("normalised-boxes", message, *found.places[0])


@finds_in_data_set("many-inverted-boxes")
def many_inverted(data_set: DataSet) -> Iterator[Issue]:
    """At least a tenth of the boxes are inverted.

    A slip of the mouse inverts one box in a hundred. Where more are, a program wrote the fields in another
    order or other fields, and neither the boxes as they are nor the swapped ones need lie on the objects.
    """
    census = data_set.census
    inverted, boxes = census.inverted, census.origin.boxes
    if inverted >= MANY and inverted * 10 >= boxes:
        message = (
            f"bndbox: {inverted} of {boxes} boxes are inverted, which is no slip: look at pictures first "
            "(annotools show), before swap-inverted makes boxes that only look right"
        )
        yield Issue.of("many-inverted-boxes", message)


@finds_in_data_set("coordinate-origin")
def origin(data_set: DataSet) -> Iterator[Issue]:
    """The boxes speak against the way in which they are about to be read."""
    census = data_set.census
    evidence = census.origin
    verdict = evidence.verdict
    if verdict == "one-based" and not census.one_based:
        advice = (
            "pixels are counted from 1, as in the VOC devkit (then use --box-origin one-based), or from 0 by "
            "labelImg, which writes 1 for 0 (then leave it)"
        )
    elif verdict == "zero-based" and census.one_based:
        advice = "pixels are counted from 0: use --box-origin as-written"
    else:
        return
    message = (
        f"bndbox: of {evidence.boxes} boxes {evidence.at_zero} start at 0, {evidence.at_one} at 1, "
        f"and {evidence.at_end} end at the image's width or height; {advice}"
    )
    yield Issue.of("coordinate-origin", message)


@finds_in_data_set("inconsistent-difficult")
def difficult_flags(data_set: DataSet) -> Iterator[Issue]:
    """`<difficult>` is written for some objects and left out for others.

    Evaluation skips difficult objects; where two tools wrote the files, only one of them marked any.
    """
    census = data_set.census
    written, absent = census.with_difficult, census.without_difficult
    if not written.count or not absent.count:
        return
    if absent.count <= written.count:
        message = f"difficult: missing here, but written for {written.count} of {census.objects} objects"
        yield from absent.issues("inconsistent-difficult", message)
    else:
        message = f"difficult: written here, but missing for {absent.count} of {census.objects} objects"
        yield from written.issues("inconsistent-difficult", message)
