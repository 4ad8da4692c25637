"""Objects as a set for classification: each box cut out, all in one size, as in CIFAR."""

from __future__ import annotations

import io
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from annotools.errors import ImageError, OptionError, SourceError
from annotools.records import Example
from annotools.targets.anchors import Size, check_size

KeepDifficult = Literal["keep", "drop"]


@dataclass(frozen=True, eq=False)
class Crops:
    """What `keras.datasets.cifar10` gives, and where it comes from. `x, y = crops.images, crops.labels`.

    images   (N, H, W, 3) uint8, RGB
    labels   (N,) int32, from 0
    classes  names, by label; "" where the class map has a gap
    sources  (N,) pairs of the image's id and the object's number in it
    skipped  objects that are not here: too small, or difficult and not wanted
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    classes: tuple[str, ...]
    sources: tuple[tuple[str, int], ...]
    skipped: int

    def __len__(self) -> int:
        return len(self.labels)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write <class>/<image id>-<object>.png, which `keras.utils.image_dataset_from_directory` reads."""
        from PIL import Image

        for pixels, label, (image, number) in zip(self.images, self.labels, self.sources, strict=True):
            place = Path(folder) / _file_name(self.classes[label] or str(label))
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{_file_name(image)}-{number}.png")


def make_crops(
    source: str | os.PathLike[str] | Iterable[Example],
    *,
    split: str | None = None,
    image_size: Size = 32,
    margin: float = 0.0,
    least: float = 2.0,
    keep_difficult: KeepDifficult = "keep",
) -> Crops:
    """Every object of a data set as a picture of its own, in the order of the records.

    source          what `annotools convert --to tfrecord` wrote, Examples, or anything that
                    `annotools.convert` takes: it is then converted into a temporary folder first
    split           of the source; None: all of it
    image_size      (H, W) of the crops, or one number; the box is stretched to it
    margin          how much is added on each side, in shares of the box; the picture's border ends it
    least           boxes with a side shorter than this many pixels are left out and counted
    keep_difficult  "drop" leaves out difficult objects and counts them

    All crops are in memory at once: a million of 32 by 32 take 3 GB. Raises OptionError, ImageError with the
    image's name, and what converting raises.
    """
    height, width = check_size("image_size", image_size)
    share: Any = margin
    if not isinstance(share, int | float) or not share >= 0:
        raise OptionError("not a share", field="margin", found=margin, expected="0 or more")
    if keep_difficult not in ("keep", "drop"):
        raise OptionError(
            "unknown way", field="keep_difficult", found=keep_difficult, expected="'keep' or 'drop'"
        )
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    sources: list[tuple[str, int]] = []
    names: dict[int, str] = {}
    objects = 0
    for example in _examples(source, split):
        objects += len(example.boxes)
        chosen = [n for n in range(len(example.boxes)) if _is_wanted(example, n, least, keep_difficult)]
        places = [_with_margin(example.boxes[n], margin, (example.width, example.height)) for n in chosen]
        images += _cut(example, places, (width, height))
        labels += [example.labels[n] - 1 for n in chosen]
        sources += [(example.id, n) for n in chosen]
        names.update((label - 1, name) for label, name in zip(example.labels, example.names, strict=True))
    classes = tuple(names.get(label, "") for label in range(max(names, default=-1) + 1))
    return Crops(
        np.stack(images) if images else np.zeros((0, height, width, 3), np.uint8),
        np.array(labels, np.int32),
        classes,
        tuple(sources),
        objects - len(labels),
    )


def _examples(source: str | os.PathLike[str] | Iterable[Example], split: str | None) -> Iterator[Example]:
    if not isinstance(source, str | os.PathLike):
        if split is not None:
            raise OptionError("examples have no splits", field="split", found=split, expected="None")
        yield from source
        return
    from annotools.formats import tfrecord

    path = Path(source)
    if ".tfrecord" in path.name or (path.is_dir() and any(path.glob("*.tfrecord*"))):
        yield from tfrecord.read(path, split=split)
        return
    from annotools.conversion.run import convert

    if not path.exists() and "://" not in str(source):
        raise SourceError("there is nothing", path=str(source))
    with tempfile.TemporaryDirectory(prefix="annotools-") as folder:
        convert(source, Path(folder) / "records", to="tfrecord", split=split)
        yield from tfrecord.read(Path(folder) / "records", split=split)


def _is_wanted(example: Example, number: int, least: float, keep_difficult: KeepDifficult) -> bool:
    left, top, right, bottom = example.boxes[number]
    if keep_difficult == "drop" and example.difficult[number]:
        return False
    return min(right - left, bottom - top) >= least


def _with_margin(
    box: tuple[float, float, float, float], margin: float, size: tuple[int, int]
) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    x, y = margin * (right - left), margin * (bottom - top)
    return max(0.0, left - x), max(0.0, top - y), min(size[0], right + x), min(size[1], bottom + y)


def _cut(
    example: Example, boxes: list[tuple[float, float, float, float]], size: tuple[int, int]
) -> list[NDArray[np.uint8]]:
    if not boxes:
        return []
    from PIL import Image

    try:
        with Image.open(io.BytesIO(example.encoded)) as opened:
            picture = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"cannot be decoded: {error}", path=example.filename) from error
    crops = []
    for left, top, right, bottom in boxes:  # a resize alone would take in pixels from outside the box
        x, y = math.floor(left), math.floor(top)
        part = picture.crop((x, y, math.ceil(right), math.ceil(bottom)))
        inside = left - x, top - y, right - x, bottom - y
        crops.append(np.asarray(part.resize(size, Image.Resampling.BILINEAR, box=inside), np.uint8))
    return crops


def _file_name(text: str) -> str:
    return text.replace("/", "_").replace("\\", "_")
