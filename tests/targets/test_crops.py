"""Objects as a set for classification."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import annotools
from annotools.errors import ImageError, OptionError, SourceError
from annotools.records import Example
from annotools.targets import make_crops


def example(**changes: Any) -> Example:
    """40 by 20 pixels, the left half red and the right half blue."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20, 0] = pixels[:, 20:, 2] = 200
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, "PNG")
    fields: dict[str, Any] = {
        "boxes": ((0.0, 0.0, 20.0, 20.0), (20.0, 5.0, 40.0, 20.0), (3.0, 3.0, 4.0, 9.0)),
        "labels": (3, 1, 1),
        "names": ("red", "blue", "blue"),
        "difficult": (0, 1, 0),
        "encoded": output.getvalue(),
    }
    return Example("a", "a.png", "a", 40, 20, "png", **fields | changes)


def test_what_is_cut() -> None:
    crops = make_crops([example()], image_size=(6, 8))
    assert crops.images.shape == (2, 6, 8, 3)
    assert crops.images.dtype == np.uint8
    assert (crops.images[0] == (200, 0, 0)).all()
    assert (crops.images[1] == (0, 0, 200)).all()
    assert crops.labels.tolist() == [2, 0]
    assert crops.labels.dtype == np.int32
    assert crops.classes == ("blue", "", "red")
    assert crops.sources == (("a", 0), ("a", 1))
    assert (len(crops), crops.skipped) == (2, 1)  # one pixel wide


def test_margin_difficult_and_nothing() -> None:
    wide = make_crops([example()], image_size=10, margin=0.5)
    assert (wide.images[0, :, 0] == (200, 0, 0)).all()
    assert (wide.images[0, :, -1] == (0, 0, 200)).all()
    assert make_crops([example()], keep_difficult="drop").sources == (("a", 0),)
    none = make_crops([])
    assert (none.images.shape, len(none), none.classes) == ((0, 32, 32, 3), 0, ())


def test_sample_data_before_and_after_the_conversion(sample_data: Path, tmp_path: Path) -> None:
    annotools.convert(sample_data, tmp_path / "out", to="tfrecord", classes=sample_data / "classes.txt")
    crops = make_crops(tmp_path / "out", split="val")
    objects = sum(len(a.objects) for a in annotools.read(sample_data, split="val"))
    assert len(crops) + crops.skipped == objects
    assert crops.images.std(axis=(1, 2, 3)).min() > 3  # none is blank
    again = make_crops(sample_data, split="val")
    np.testing.assert_array_equal(again.images, crops.images)
    assert [again.classes[n] for n in again.labels] == [crops.classes[n] for n in crops.labels]


def test_saved_for_keras(tmp_path: Path) -> None:
    import keras

    crops = make_crops([example()], image_size=12)
    crops.save(tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")) == [
        "blue/a-1.png",
        "red/a-0.png",
    ]
    ds = keras.utils.image_dataset_from_directory(tmp_path, image_size=(12, 12), verbose=False)
    assert ds.class_names == ["blue", "red"]
    ((images, labels),) = ds
    assert (images.numpy()[labels.numpy() == 1] == (200, 0, 0)).all()


def test_what_goes_wrong(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.png"):
        make_crops([example(encoded=b"no image")])
    with pytest.raises(SourceError, match="nowhere"):
        make_crops(tmp_path / "nowhere")
    for field, options in (
        ("image_size", {"image_size": 0}),
        ("margin", {"margin": -1}),
        ("margin", {"margin": "wide"}),
        ("keep_difficult", {"keep_difficult": "ignore"}),
        ("split", {"split": "train"}),
    ):
        broken: dict[str, Any] = options
        with pytest.raises(OptionError) as caught:
            make_crops([example()], **broken)
        assert caught.value.field == field
