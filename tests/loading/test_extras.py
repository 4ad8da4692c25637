"""What a batch tells on request, and the way back to the original image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import annotools
from annotools.augment import Expand, HorizontalFlip, IoUCrop, MixUp, Mosaic, Rot90
from annotools.errors import OptionError
from annotools.loader import EXTRAS, boxes_to_original, explain, make_dataset

OPTIONS: dict[str, Any] = {"split": "train", "image_size": (64, 96), "batch_size": 5, "seed": 3}
GEOMETRY = [Expand(), IoUCrop(), HorizontalFlip(), Rot90(p=0.5)]


@pytest.fixture(scope="module")
def records(sample_data: Path) -> dict[str, Any]:
    return {Path(one.filename or "").stem: one for one in annotools.read(sample_data, split="train")}


def rows(dataset: Any) -> Any:
    for batch in dataset:
        for place, name in enumerate(batch["image_id"].numpy()):
            count = int(batch["num_boxes"][place])
            yield name.decode(), batch, place, count


@pytest.mark.parametrize("box_format", ["xyxy", "rel_center_xywh"])
@pytest.mark.parametrize("augment", [None, GEOMETRY, [Mosaic(p=1.0)]], ids=["resize", "geometry", "mosaic"])
def test_a_box_finds_back_to_where_it_was_labelled(
    augment: Any, box_format: str, converted: Path, records: dict[str, Any]
) -> None:
    dataset = make_dataset(converted, augment=augment, extras=EXTRAS, box_format=box_format, **OPTIONS)
    seen = 0
    for name, batch, place, count in rows(dataset):
        size = records[name].size
        assert batch["original_size"][place].numpy().tolist() == [size.height, size.width]
        back = boxes_to_original(batch["bounding_boxes"]["boxes"], batch, box_format=box_format)[
            place
        ].numpy()
        scale = np.abs(np.linalg.det(batch["map_back"][place, :, :2].numpy())) ** 0.5
        for row in range(count):
            if augment is not None and isinstance(augment[0], Mosaic):
                continue  # of other images too, see below
            one = records[name].objects[int(batch["ids"][place, row])]
            labelled = np.array(one.bndbox.as_tuple())
            if batch["visibility"][place, row] > 0.999:
                assert np.abs(back[row] - labelled).max() < 1.5 * scale + 1
                seen += 1
            low, high = np.maximum(back[row], labelled)[:2], np.minimum(back[row], labelled)[2:]
            assert np.all(high - low > -1.5 * scale - 1)
            area = np.prod(labelled[2:] - labelled[:2]) * batch["visibility"][place, row].numpy()
            assert batch["area"][place, row].numpy() == pytest.approx(area, rel=0.1, abs=float(60 * scale))
            assert bool(batch["difficult"][place, row]) == bool(one.difficult)
    assert seen > 20 or (augment is not None and isinstance(augment[0], Mosaic))


def test_rows_are_those_of_explain_also_for_partners(converted: Path) -> None:
    dataset = make_dataset(converted, augment=[Mosaic(), MixUp(p=1.0)], extras=EXTRAS, **OPTIONS)
    blended = 0
    for name, batch, place, count in rows(dataset.take(2)):
        seen = explain(dataset, name)
        np.testing.assert_array_equal(batch["ids"][place, :count], seen.ids)
        np.testing.assert_array_equal(batch["visibility"][place, :count], seen.visibility)
        whole = np.linalg.inv(np.vstack([seen.plan["matrices"][0], [0, 0, 1]]))[:2]
        np.testing.assert_allclose(batch["map_back"][place], whole, rtol=1e-5, atol=1e-4)
        weights = batch["weights"][place, :count].numpy()
        np.testing.assert_allclose(weights, seen.plan["blend"][(seen.layer > 3).astype(int)])
        blended += int((weights < 1).sum())
    assert blended > 0


@pytest.mark.parametrize("batch_size", [None, 5])
def test_padding_and_shapes(batch_size: Any, converted: Path) -> None:
    options = OPTIONS | {"batch_size": batch_size, "max_boxes": 20}
    dataset = make_dataset(converted, extras=EXTRAS, **options)
    paddings = {"difficult": False, "ids": -1, "weights": 0, "visibility": 0, "area": 0}
    for batch in dataset:
        is_row = tf.range(20) < batch["num_boxes"][..., None]
        for name, padding in paddings.items():
            assert batch[name].shape == is_row.shape
            assert (batch[name].numpy()[~is_row.numpy()] == padding).all()
        assert (batch["weights"].numpy()[is_row.numpy()] == 1).all()


def test_ragged_extras(converted: Path) -> None:
    batch = next(iter(make_dataset(converted, extras=EXTRAS, ragged=True, **OPTIONS)))
    assert batch["ids"].row_lengths().numpy().tolist() == batch["num_boxes"].numpy().tolist()


def test_nothing_more_than_was_asked_for(converted: Path) -> None:
    plain = make_dataset(converted, **OPTIONS)
    some = make_dataset(converted, extras=["area"], **OPTIONS)
    assert some.element_spec.keys() - plain.element_spec.keys() == {"area"}
    for one, two in zip(plain, some, strict=True):
        two.pop("area")
        tf.nest.map_structure(np.testing.assert_array_equal, one, two)


@pytest.mark.parametrize("options", [{"extras": "area"}, {"extras": ["areas"]}, {"extras": 3}])
def test_what_cannot_be_is_refused(options: dict[str, Any], converted: Path) -> None:
    with pytest.raises(OptionError, match="extras"):
        make_dataset(converted, **(OPTIONS | options))


def test_pixels_in_the_cache_have_no_way_back(converted: Path) -> None:
    for name in ("original_size", "map_back", "area"):
        with pytest.raises(OptionError, match="extras"):
            make_dataset(converted, cache="resized", extras=[name], **OPTIONS)
    batch = next(iter(make_dataset(converted, cache="resized", extras=["ids"], **OPTIONS)))
    with pytest.raises(OptionError, match="not in the batch"):
        boxes_to_original(batch["bounding_boxes"]["boxes"], batch)
