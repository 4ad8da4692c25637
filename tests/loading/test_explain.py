from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from annotools import boxes
from annotools.augment import ssd, yolo
from annotools.errors import OptionError
from annotools.loader import LEFT_OUT, explain, make_dataset
from annotools.loader.explain import Seen

OPTIONS: dict[str, Any] = {"split": "train", "image_size": (90, 120), "batch_size": 6, "left_out": True}


def rows(dataset: tf.data.Dataset, steps: int) -> dict[tuple[int, bytes], tuple[int, int, dict[str, Any]]]:
    """(epoch, id) -> step, place and what the batch holds."""
    found = {}
    for number, batch in enumerate(dataset):
        for place, name in enumerate(batch["image_id"].numpy()):
            row = tf.nest.map_structure(lambda values, place=place: values[place].numpy(), batch)
            found[number // steps, name] = number % steps, place, row
    return found


@pytest.fixture(scope="module")
def mosaic(converted: Path) -> tf.data.Dataset:
    return make_dataset(converted, augment=yolo(), epochs=2, box_format="rel_center_xywh", **OPTIONS)


@pytest.fixture(scope="module")
def seen(mosaic: tf.data.Dataset) -> Seen:
    return explain(mosaic, "shelf-013", epoch=1)


def test_it_is_what_the_model_saw_bit_for_bit(mosaic: tf.data.Dataset, seen: Seen) -> None:
    step, place, row = rows(mosaic, steps=3)[1, b"shelf-013"]
    assert (seen.step, seen.place) == (step, place)
    np.testing.assert_array_equal(seen.image, row["images"])
    count = row["num_boxes"]
    found = row["bounding_boxes"]
    assert seen.image_labels.tolist() == found["labels"][:count].tolist()
    shown = boxes.convert(found["boxes"][:count], "rel_center_xywh", "xyxy", image_size=(90, 120))
    np.testing.assert_allclose(seen.image_boxes, shown, atol=1e-4)
    assert seen.left_out == {n: int(c) for n, c in zip(LEFT_OUT, row["left_out"], strict=True) if c}


def test_each_box_tells_where_it_comes_from(seen: Seen) -> None:
    """The affine map of the box's image takes the box of the record to the one in the picture."""
    own = seen.layer == 0
    for box, label, one in zip(seen.image_boxes[own], seen.image_labels[own], seen.ids[own], strict=True):
        assert seen.labels[one] == label
        moved = boxes.affine(seen.boxes[[one]], seen.plan["matrices"][0])
        assert boxes.iou(moved, box[None])[0, 0] >= 0.1
    assert set(seen.layer.tolist()) <= {0, 1, 2, 3}
    assert ((seen.visibility > 0) & (seen.visibility <= 1)).all()


def test_it_says_so_and_draws_it(seen: Seen, tmp_path: Path) -> None:
    text = str(seen)
    for part in ("shelf-013 in epoch 1", "Mosaic(", "% visible", "matrices = "):
        assert part in text
    seen.save(tmp_path / "seen.png")
    with Image.open(tmp_path / "seen.png") as sheet:
        assert sheet.size == (seen.original.shape[1] + 8 + 120, max(seen.original.shape[0], 90))
        drawn = np.asarray(sheet)[:90, -120:]
    assert 0 < (drawn != seen.image).any(-1).mean() < 0.5


def test_a_path_and_options_do_as_well(converted: Path, sample_data: Path) -> None:
    options = OPTIONS | {"augment": ssd()}
    first = explain(converted, "shelf-003", 4, **options)
    second = explain(sample_data, "shelf-003", 4, **options)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.image_boxes, second.image_boxes)
    assert first.class_names[int(first.labels[0])] == "computer"


def test_an_image_that_does_not_exist(mosaic: tf.data.Dataset) -> None:
    with pytest.raises(OptionError, match="no such image") as caught:
        explain(mosaic, "shelf-999")
    assert caught.value.field == "image_id"
    with pytest.raises(OptionError, match=r"expected shelf-001\?"):
        explain(mosaic, "shelv-001")


def test_the_name_of_the_file_is_not_the_id_of_the_image(mosaic: tf.data.Dataset) -> None:
    with pytest.raises(OptionError, match="expected shelf-001, without the extension"):
        explain(mosaic, "shelf-001.jpg")


def test_a_mapped_data_set_cannot_be_explained(mosaic: tf.data.Dataset) -> None:
    with pytest.raises(OptionError, match="not a data set of make_dataset"):
        explain(mosaic.map(lambda batch: batch), "shelf-001")
