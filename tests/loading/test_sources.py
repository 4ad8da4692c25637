"""Other ways in: VOC itself, pickles, memory. A batch is the same whichever way its images came."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import annotools
from annotools import ClassMap
from annotools.augment import HorizontalFlip, IoUCrop
from annotools.errors import OptionError, PickleError
from annotools.issues import DataError
from annotools.loader import make_dataset, pipeline_of

Same = Callable[[Any, Any], None]
Flat = Callable[[Any], list[dict[str, Any]]]
OPTIONS: dict[str, Any] = {"image_size": (96, 128), "batch_size": 8, "augment": [IoUCrop(), HorizontalFlip()]}


@pytest.fixture
def records(converted: Path) -> tf.data.Dataset:
    return make_dataset(converted, split="train", **OPTIONS)


def test_a_voc_tree_gives_the_batches_of_its_conversion(
    sample_data: Path, records: tf.data.Dataset, assert_same: Same
) -> None:
    assert_same(make_dataset(sample_data, split="train", **OPTIONS), records)


def test_tfds_shards_give_the_batches_of_tfrecord_shards(
    sample_data: Path, records: tf.data.Dataset, tmp_path: Path, assert_same: Same
) -> None:
    annotools.convert(sample_data, tmp_path / "out", to="tfds", shards=2)
    assert_same(make_dataset(tmp_path / "out", split="train", **OPTIONS), records)


def test_images_kept_in_memory_give_the_same_batches(
    converted: Path, records: tf.data.Dataset, assert_same: Same
) -> None:
    assert_same(make_dataset(converted, split="train", cache="encoded", **OPTIONS), records)


def test_resized_images_kept_in_memory_are_what_a_resize_gives(converted: Path, assert_same: Same) -> None:
    options = OPTIONS | {"augment": None, "resize": "letterbox", "split": "train"}
    assert_same(make_dataset(converted, cache="resized", **options), make_dataset(converted, **options))


def by_id(batches: list[dict[str, Any]]) -> dict[bytes, Any]:
    return {
        name: (batch["images"][i].tobytes(), batch["boxes"][i].tolist(), batch["labels"][i].tolist())
        for batch in batches
        for i, name in enumerate(batch["image_id"])
    }


@pytest.mark.parametrize("to", ["pickle", "ssd-pickle"])
def test_a_pickle_with_its_images_gives_the_same_samples(
    to: str, sample_data: Path, records: tf.data.Dataset, tmp_path: Path, flat: Flat
) -> None:
    annotools.convert(sample_data, tmp_path / "out", to=to)
    dataset = make_dataset(tmp_path / "out", split="train", images=sample_data / "JPEGImages", **OPTIONS)
    assert by_id(flat(dataset)) == by_id(flat(records))


def test_a_pickle_of_several_splits_needs_a_choice(sample_data: Path, tmp_path: Path) -> None:
    annotools.convert(sample_data, tmp_path / "all.pkl", to="pickle")
    images = sample_data / "JPEGImages"
    dataset = make_dataset(tmp_path / "all.pkl", split="val", images=images, **OPTIONS)
    assert len(pipeline_of(dataset).examples) == 5
    with pytest.raises(OptionError) as caught:
        make_dataset(tmp_path / "all.pkl", images=images, **OPTIONS)
    assert caught.value.expected == "test, train, val"
    with pytest.raises(OptionError) as caught:
        make_dataset(tmp_path / "all.pkl", split="val", **OPTIONS)
    assert caught.value.field == "images"


def test_a_pickle_whose_images_are_gone_names_all_of_them(sample_data: Path, tmp_path: Path) -> None:
    annotools.convert(sample_data, tmp_path / "all.pkl", to="ssd-pickle", split="val")
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="5 of 5 images") as caught:
        make_dataset(tmp_path / "all.pkl", images=tmp_path / "images", **OPTIONS)
    assert len(caught.value.issues) == 5


def test_a_class_map_that_does_not_fit_the_pickle(sample_data: Path, tmp_path: Path) -> None:
    annotools.convert(sample_data, tmp_path / "all.pkl", to="ssd-pickle", split="val")
    with pytest.raises(PickleError, match="one-hot"):
        make_dataset(
            tmp_path / "all.pkl", images=sample_data / "JPEGImages", classes=ClassMap({"one": 1}), **OPTIONS
        )


@pytest.fixture
def folder(sample_data: Path, tmp_path: Path) -> Path:
    """Three images and their XML beside each other."""
    target = tmp_path / "flat"
    target.mkdir()
    for name in ("shelf-001", "shelf-002", "shelf-003"):
        for file in (*sample_data.glob(f"JPEGImages/{name}.*"), *sample_data.glob(f"Annotations/{name}.xml")):
            shutil.copy(file, target)
    return target


def test_an_archive_is_read_as_its_folder(folder: Path, tmp_path: Path, assert_same: Same) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    packed = make_dataset(tmp_path / "a.zip", **OPTIONS)
    assert_same(packed, make_dataset(folder, **OPTIONS))
    assert pipeline_of(packed).examples.is_local


def test_an_image_with_an_exif_turn_is_shown_upright(folder: Path, tmp_path: Path, assert_same: Same) -> None:
    """The pixels lie on their side and the XML speaks of the picture as a viewer shows it."""
    file = folder / "shelf-001.jpg"
    with Image.open(file) as picture:
        exif = Image.Exif()
        exif[0x0112] = 6  # stored: turned left; shown: turned right by 90 degrees
        turned = picture.transpose(Image.Transpose.ROTATE_90)
    turned.save(file, quality=95, exif=exif)
    direct = make_dataset(folder, **OPTIONS)
    annotools.convert(folder, tmp_path / "out", to="tfrecord")
    assert_same(direct, make_dataset(tmp_path / "out", **OPTIONS))
    size = ET.parse(folder / "shelf-001.xml").getroot().find("size")
    assert size is not None
    natural = {
        sample["image_id"].numpy(): sample["images"].shape
        for sample in make_dataset(folder, image_size=None, batch_size=None)
    }
    assert natural[b"shelf-001"] == (int(size.findtext("height") or 0), int(size.findtext("width") or 0), 3)


def test_what_is_wrong_with_a_source_is_found_when_it_is_opened(folder: Path) -> None:
    data = (folder / "shelf-002.jpg").read_bytes()
    (folder / "shelf-002.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"shelf-002\.jpg"):
        make_dataset(folder, **OPTIONS)
    left = make_dataset(folder, on_error="skip", **OPTIONS)
    assert len(pipeline_of(left).examples) == 2


def test_boxes_that_count_from_one(folder: Path, flat: Flat) -> None:
    options: dict[str, Any] = {"image_size": (240, 320), "batch_size": None, "shuffle": False}
    plain, moved = (
        flat(make_dataset(folder, box_origin=origin, **options)) for origin in ("as-written", "one-based")
    )
    for one, two in zip(plain, moved, strict=True):
        count = int(one["num_boxes"])
        shift = one["boxes"][:count] - two["boxes"][:count]
        assert (shift[:, :2] > 0).all()
        np.testing.assert_array_equal(shift[:, 2:], 0)
