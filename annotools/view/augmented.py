"""Pictures before and after an augmentation. The only part of view/ that loads TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from annotools.augment.text.reader import from_text
from annotools.loader.dataset import make_dataset
from annotools.loader.explain import Array, Seen, explain
from annotools.view.drawing import Drawing, Mark
from annotools.view.marks import caption
from annotools.view.options import ShowOptions, StrPath
from annotools.view.pictures import Album, Picture


def draw_before_and_after(
    album: Album, pictures: Sequence[Picture], source: StrPath, options: ShowOptions
) -> list[Drawing]:
    """Two drawings for each picture: as the loader reads it, and as it is in the batch of `epoch`."""
    augmentation = from_text(options.augment or "")
    dataset = make_dataset(
        source,
        image_size=options.image_size,
        batch_size=None,
        split=options.split,
        augment=augmentation,
        seed=options.seed,
        classes=options.classes,
        annotations=options.annotations,
        images=options.image_folder,
        on_error="skip",
    )
    drawings = []
    for picture in pictures:
        seen = explain(dataset, picture.id, options.epoch)
        before = _marks(seen, album, seen.boxes, seen.labels, [""] * len(seen.boxes))
        shares = [f"{share:.0%}" if share < 0.995 else "" for share in seen.visibility]
        after = _marks(seen, album, seen.image_boxes, seen.image_labels, shares)
        lost = ", ".join(f"{count} {reason}" for reason, count in seen.left_out.items())
        told = [(f"{augmentation.text}, seed {options.seed}, epoch {options.epoch}", False)]
        told += [(f"left out: {lost}", True)] if lost else []
        drawings.append(_drawing(seen.original, before, [(caption(picture), False)]))
        drawings.append(_drawing(seen.image, after, told))
    return drawings


def _marks(seen: Seen, album: Album, boxes: Array, labels: Array, notes: Sequence[str]) -> list[Mark]:
    marks = []
    for box, label, note in zip(boxes, labels, notes, strict=True):
        name = seen.name_of(int(label))
        xmin, ymin, xmax, ymax = (float(edge) for edge in box)
        marks.append(Mark((xmin, ymin, xmax, ymax), name, album.classes.get(name), note=note))
    return marks


def _drawing(pixels: Array, marks: Sequence[Mark], lines: Sequence[tuple[str, bool]]) -> Drawing:
    picture = Image.fromarray(pixels.astype(np.uint8))
    return Drawing(picture, picture.size, tuple(marks), tuple(lines))
