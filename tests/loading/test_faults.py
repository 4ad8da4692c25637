"""What goes wrong in the middle of an epoch names the image, the record and the file."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from annotools.augment import Mosaic, ssd
from annotools.errors import RecordError
from annotools.formats import tfrecord
from annotools.formats.example.record_index import RecordIndex
from annotools.loader import make_dataset, to_keras
from annotools.records import Example

OPTIONS: dict[str, Any] = {"image_size": 32, "batch_size": 4, "split": "train"}


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (40, 60, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    return out.getvalue()


def undecodable(seed: int) -> bytes:
    """A JPEG whose header can be read and whose pixels stop half-way."""
    data = picture(seed)
    return data[: len(data) // 2]


def example(number: int, encoded: bytes, box: tuple[float, float, float, float]) -> Example:
    name = f"photo-{number:02}.jpg"
    return Example(
        name, name, name, 60, 40, "jpeg", encoded=encoded, boxes=(box,), labels=(1,), names=("cup",),
        poses=("",), truncated=(0,), difficult=(0,), occluded=(0,),
    )  # fmt: skip


def write(folder: Path, *, broken: int = -1, outside: int = -1) -> list[str]:
    """Two shards of 24 records in all; where each photo went is for the reader to find out."""
    examples = [
        example(
            number,
            undecodable(number) if number == broken else picture(number),
            (5.0, 5.0, 90.0 if number == outside else 30.0, 30.0),
        )
        for number in range(24)
    ]
    tfrecord.write(examples[:10], folder / "a", split="train", shards=1)
    tfrecord.write(examples[10:], folder / "b", split="train", shards=1)
    return [str(next((folder / part).glob("*.tfrecord"))) for part in "ab"]


def place(files: list[str], name: str) -> str:
    """`record K of FILE`, by a reader that is not the loader's."""
    for file in files:
        for number, data in enumerate(tf.data.TFRecordDataset(file).as_numpy_iterator()):
            if name.encode() in data:
                return f"record {number} of {file}"
    raise AssertionError(name)


def message(dataset: Any) -> str:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        for _ in dataset:
            pass
    return str(caught.value)


@pytest.mark.parametrize("augment", [None, ssd(), Mosaic(p=1.0)], ids=["resize", "ssd", "mosaic"])
def test_an_image_that_cannot_be_decoded(augment: Any, tmp_path: Path) -> None:
    files = write(tmp_path, broken=17)
    assert tf.io.extract_jpeg_shape(undecodable(17)).numpy().tolist() == [40, 60, 3]
    found = message(make_dataset(files, augment=augment, **OPTIONS))
    assert f"image photo-17, {place(files, 'photo-17')}: " in found


@pytest.mark.parametrize("change", ["map", "keras", "skip", "late", "take", "subset", "single"])
def test_wherever_the_iterator_stands(change: str, tmp_path: Path) -> None:
    files = write(tmp_path, broken=13)
    options = OPTIONS | {"epochs": 2, "start_step": 0}
    if change == "late":
        steps = [b"photo-13" in names for names in names_by_step(files)]
        options["start_step"] = steps.index(True) + 1  # the first time it comes is in the second epoch
    if change == "subset":
        options["only_with_objects"] = True
    if change == "single":
        options |= {"batch_size": None}
    dataset = make_dataset(files, **options)
    changed = {
        "map": lambda: dataset.map(lambda batch: batch["images"]),
        "keras": lambda: to_keras(dataset),
        "skip": lambda: dataset.skip(1).prefetch(2),
        "take": lambda: dataset.take(100),
    }
    assert "image photo-13, record " in message(changed.get(change, lambda: dataset)())


def names_by_step(files: list[str]) -> list[list[bytes]]:
    os.makedirs(Path(files[0]).parent.parent / "whole")
    whole = write(Path(files[0]).parent.parent / "whole")
    return [batch["image_id"].numpy().tolist() for batch in make_dataset(whole, **OPTIONS)]


def test_a_box_outside_its_image(tmp_path: Path) -> None:
    files = write(tmp_path, outside=4)
    found = message(make_dataset(files, **OPTIONS))
    assert f"image photo-04, {place(files, 'photo-04')}: " in found
    assert "assertion failed" in found


def flip_a_bit(file: str) -> None:
    """In record 6."""
    data = bytearray(Path(file).read_bytes())
    data[int(RecordIndex.of([file]).offsets[6]) + 300] ^= 4
    Path(file).write_bytes(data)


@pytest.fixture(params=[0, 1])
def flipped(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[list[str], int]:
    """Two shards, one with a bit flipped in its record 6; and which."""
    files = write(tmp_path)
    flip_a_bit(files[request.param])
    return files, request.param


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_flipped_bit(damaged: int, tmp_path: Path) -> None:
    files = write(tmp_path)
    dataset = make_dataset(files, **OPTIONS)  # of shards of others the first records are read at opening
    flip_a_bit(files[damaged])
    with pytest.raises(tf.errors.DataLossError) as caught:
        list(dataset)
    assert f"record 6 of {files[damaged]}: " in str(caught.value)
    assert "corrupted record" in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"only_with_objects": True, "max_boxes": 1}])
def test_a_flipped_bit_that_is_met_at_opening(
    flipped: tuple[list[str], int], options: dict[str, Any]
) -> None:
    files, damaged = flipped
    with pytest.raises(RecordError, match="checksum of the data is wrong") as caught:
        make_dataset(files, **options, **OPTIONS)
    assert caught.value.path == files[damaged]
    assert caught.value.offset == int(RecordIndex.of([files[damaged]]).offsets[6])


def test_an_image_file_of_voc(sample_data: Path, tmp_path: Path) -> None:
    """Opening has found nothing in it: a file is read again, in each epoch, after it was checked."""
    (tmp_path / "cup.jpg").write_bytes(picture(1))
    (tmp_path / "cup.xml").write_text(
        "<annotation><filename>cup.jpg</filename><size><width>60</width><height>40</height></size><object>"
        "<name>cup</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>"
        "</annotation>"
    )
    dataset = make_dataset(tmp_path, image_size=32, batch_size=1)
    (tmp_path / "cup.jpg").write_bytes(undecodable(1))
    assert f"image cup, {tmp_path / 'cup.jpg'}: " in message(dataset)


def test_errors_of_others_stay_as_they_are(tmp_path: Path) -> None:
    files = write(tmp_path)
    dataset = make_dataset(files, **OPTIONS)
    found = message(dataset.map(lambda batch: tf.reshape(batch["images"], batch["num_boxes"])))
    assert "photo" not in found
    dataset = make_dataset(files, **OPTIONS)
    os.remove(files[0])
    with pytest.raises(tf.errors.NotFoundError):
        list(dataset)
