"""SSDTargets: a batch of the loader goes in, what the original made of it comes out."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools.errors import OptionError
from annotools.loader import make_dataset, to_keras_hub
from annotools.targets import SSD300_KERAS, SSD300_VOC, SSDTargets, encode_boxes, graph, grid_anchors, match

SMALL = grid_anchors([4, 2], 300, [[(60, 60), (80, 40)], [(140, 140)]])
ASSIGNED = "128f7250eba7206b0404f08852b82c90b71c8f4d686baed8c66daac895375c61"
"""sha256 of what `assign_boxes` of rykov8/ssd_keras a560b91 gave for the scenes, less offsets, in uint8."""


def table_of(boxes: Any, labels: Any) -> Any:
    targets = SSDTargets(SSD300_KERAS, matching="ssd_keras", layout="ssd_keras", num_classes=3)
    return targets.for_image(boxes, labels, (1, 1))


def test_assign_boxes_itself(scenes: list[Any]) -> None:
    """float64 boxes in shares, as `gt.pkl` has them. Offsets as sums: logarithms differ in the last bit."""
    full = np.stack([table_of(boxes, labels) for boxes, labels in scenes])
    assert full.shape == (60, 7308, 4 + 4 + 8)
    assert hashlib.sha256(full[:, :, 4:].astype(np.uint8).tobytes()).hexdigest() == ASSIGNED
    offsets = full[:, :, :4]
    np.testing.assert_allclose(
        offsets.sum((0, 1)),
        [-10.60399621991052, 19.324398339503862, 328.3906343484714, 197.80327430781554],
        atol=1e-9,
    )
    np.testing.assert_allclose(
        np.abs(offsets).sum((0, 1)),
        [3586.719544098859, 3565.490806515041, 3579.596455142041, 3638.4311892943324],
        atol=1e-9,
    )
    first = [1.0087744845895548, 1.9517525909631142, 2.980232305382903e-07, 0.4002138304272651]
    np.testing.assert_allclose(full[3, 5556, :4], first, atol=1e-12)


@pytest.mark.parametrize("layout", ["offsets", "ssd_keras"])
@pytest.mark.parametrize("matching", ["caffe", "ssd_keras"])
def test_the_graph_equals_numpy(batch: dict[str, Any], layout: Any, matching: Any) -> None:
    targets = SSDTargets(SSD300_VOC, matching=matching, layout=layout, num_classes=3, negative=0.4)
    images, eager = targets(batch)
    ((_, mapped),) = tf.data.Dataset.from_tensor_slices(batch).batch(8).map(targets)
    np.testing.assert_array_equal(images, batch["images"])
    for index in range(8):
        boxes, labels = (batch["bounding_boxes"][key][index] for key in ("boxes", "labels"))
        expected = targets.for_image(boxes, labels, (300, 300))
        for found in (eager, mapped):
            if layout == "ssd_keras":
                np.testing.assert_allclose(found[index], expected, atol=1e-5)
            else:
                np.testing.assert_array_equal(found["labels"][index], expected["labels"])
                np.testing.assert_allclose(found["boxes"][index], expected["boxes"], atol=1e-5)


def test_what_the_numbers_mean(batch: dict[str, Any]) -> None:
    targets = SSDTargets(SSD300_VOC)
    boxes, labels = (batch["bounding_boxes"][key][3] for key in ("boxes", "labels"))
    found = targets.for_image(boxes, labels, (300, 300))
    rows = match(boxes / np.float32(300), labels, SSD300_VOC)
    some = rows >= 0
    assert some.any()
    np.testing.assert_array_equal(found["labels"][some], labels[rows[some]])
    np.testing.assert_array_equal(found["labels"][~some], -1)
    offsets = encode_boxes(boxes[rows[some]] / 300, SSD300_VOC.boxes[some], SSD300_VOC.variances)
    np.testing.assert_allclose(found["boxes"][some], offsets, atol=1e-5)
    assert not found["boxes"][~some].any()
    np.testing.assert_allclose(targets.decode(found["boxes"])[some] * 300, boxes[rows[some]], atol=1e-3)
    np.testing.assert_allclose(
        targets.decode(tf.constant(found["boxes"])), targets.decode(found["boxes"]), atol=1e-5
    )


def test_a_data_set_from_disk(sample_data: Path) -> None:
    options: dict[str, Any] = {"split": "train", "image_size": (120, 160), "batch_size": 4, "shuffle": False}
    ds = make_dataset(sample_data, **options)
    targets = SSDTargets(SMALL)
    images, spec = ds.map(targets).element_spec
    assert images.shape.as_list()[1:] == [120, 160, 3]
    assert spec["boxes"].shape.as_list() == [images.shape[0], len(SMALL.boxes), 4]
    assert spec["labels"].shape.as_list() == [images.shape[0], len(SMALL.boxes)]
    assert (spec["boxes"].dtype, spec["labels"].dtype) == (tf.float32, tf.int32)
    expected = list(ds.map(targets))
    forms = {
        "ragged": make_dataset(sample_data, ragged=True, **options).map(targets),
        "format": make_dataset(sample_data, box_format="rel_center_xywh", **options).map(
            SSDTargets(SMALL, box_format="rel_center_xywh")
        ),
        "single": make_dataset(sample_data, **options | {"batch_size": None}).map(targets).batch(4),
        "adapter": to_keras_hub(ds).map(SSDTargets(SMALL, box_format="yxyx")),
    }
    for name, other in forms.items():
        for (_, wanted), (_, found) in zip(expected, other, strict=True):
            np.testing.assert_array_equal(found["labels"], wanted["labels"], err_msg=name)
            np.testing.assert_allclose(found["boxes"], wanted["boxes"], atol=1e-4, err_msg=name)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_pictures_without_objects(rows: int) -> None:
    batch = {
        "images": np.zeros((2, 30, 30, 3), np.uint8),
        "bounding_boxes": {
            "boxes": np.full((2, rows, 4), -1, np.float32),
            "labels": np.full((2, rows), -1, np.int32),
        },
    }
    for matching in ("caffe", "ssd_keras"):
        _, found = SSDTargets(SMALL, matching=matching)(batch)
        assert (found["labels"].numpy() == -1).all()
        assert not found["boxes"].numpy().any()
    _, table = SSDTargets(SMALL, layout="ssd_keras", num_classes=2)(batch)
    np.testing.assert_array_equal(table[..., 4], np.ones((2, len(SMALL))))
    assert table.numpy().sum() == 2 * len(SMALL)


def test_only_ignored_objects() -> None:
    whole = SMALL.boxes[0:1] * 300
    batch = np.zeros((1, 300, 300, 3), np.uint8), {"boxes": whole[None], "labels": np.array([[-2]], np.int32)}
    _, found = SSDTargets(SMALL)(batch)
    labels = found["labels"].numpy()[0]
    assert labels[0] == -2
    assert set(labels) == {-1, -2}
    _, table = SSDTargets(SMALL, layout="ssd_keras", num_classes=2)(*batch)
    assert not table.numpy()[0, 0].any()
    assert table.numpy()[0, -1].tolist() == [0] * 4 + [1] + [0] * 10


def test_an_array_of_anchors_and_one_s_own_variances(batch: dict[str, Any]) -> None:
    plain = SSDTargets(np.asarray(SMALL), (0.2, 0.2, 0.4, 0.4))(batch)[1]
    usual = SSDTargets(SMALL)(batch)[1]
    np.testing.assert_array_equal(plain["labels"], usual["labels"])
    np.testing.assert_allclose(plain["boxes"], usual["boxes"] / 2, atol=1e-5)
    assert graph.SSDTargets is SSDTargets


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("anchors", {"anchors": np.zeros((3, 8))}),
        ("anchors", {"anchors": "ssd300"}),
        ("variances", {"variances": (0.1,)}),
        ("matching", {"matching": "best"}),
        ("positive", {"positive": 2}),
        ("negative", {"negative": 0.9}),
        ("layout", {"layout": "keras"}),
        ("num_classes", {"layout": "ssd_keras"}),
        ("num_classes", {"layout": "ssd_keras", "num_classes": "3"}),
        ("box_format", {"box_format": "voc"}),
    ],
)
def test_options_that_make_no_sense(field: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        SSDTargets(**{"anchors": SMALL} | options)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch", {"images": 1}),
        ("batch", "images"),
        ("batch", (1, 2, 3)),
        ("boxes", (np.zeros((2, 3, 3, 3)), {"boxes": np.zeros((2, 5, 3)), "labels": np.zeros((2, 5))})),
        ("boxes", (np.zeros((2, 3, 3, 3)), {"boxes": np.zeros((2, 4, 4)), "labels": np.zeros((2, 5))})),
        ("images", (np.zeros((3, 3, 3)), {"boxes": np.zeros((2, 5, 4)), "labels": np.zeros((2, 5))})),
    ],
)
def test_what_is_no_batch(field: str, value: Any) -> None:
    with pytest.raises(OptionError) as caught:
        SSDTargets(SMALL)(value)
    assert caught.value.field == field
    assert caught.value.expected


def test_a_label_that_has_no_column() -> None:
    targets = SSDTargets(SMALL, layout="ssd_keras", num_classes=2)
    with pytest.raises(OptionError, match="num_classes"):
        targets.for_image(SMALL.boxes[:1] * 300, [2], (300, 300))
    batch = np.zeros((1, 300, 300, 3)), {"boxes": SMALL.boxes[None, :1] * 300, "labels": np.array([[2]])}
    with pytest.raises(tf.errors.InvalidArgumentError, match="num_classes=2"):
        targets(batch)


def test_without_tensorflow() -> None:
    """The import and NumPy's side work; a call says what to install."""
    program = """
import sys
sys.modules["tensorflow"] = None
import numpy as np
from annotools.errors import AnnotoolsError
from annotools.targets import SSD300_VOC, RoiSamples, SSDTargets, YoloTargets
box, label = np.array([[10, 10, 90, 90.0]]), [0]
print((SSDTargets(SSD300_VOC).for_image(box, label, (300, 300))["labels"] == 0).any())
batch = np.zeros((1, 300, 300, 3)), {"boxes": box[None], "labels": np.array([label])}
for targets in (SSDTargets(SSD300_VOC), YoloTargets("v1", 7), RoiSamples()):
    try:
        targets(batch)
    except (AnnotoolsError, ImportError) as error:
        print(type(error).__name__, error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, *errors = run.stdout.splitlines()
    assert first == "True"
    assert len(errors) == 3
    assert all("MissingExtraError" in line and "pip install" in line for line in errors)
