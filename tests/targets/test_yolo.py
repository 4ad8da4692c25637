"""YoloTargets: the cell of the centre, the anchor of the shape, and what is lost where two want one place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools.errors import OptionError
from annotools.targets import YoloTargets, kmeans_anchors

V3 = [(10, 13), (16, 30), (33, 23), (30, 61), (62, 45), (59, 119), (116, 90), (156, 198), (373, 326)]
SPECS = {
    "v1": YoloTargets("v1", 7),
    "v2": YoloTargets("v2", 13, [(30, 60), (120, 60), (200, 220)], 300),
    "v3": YoloTargets("v3", (52, 26, 13), V3, 416),
    "not square": YoloTargets("v2", ((6, 9),), [(30, 60), (60, 30)], (200, 300)),
}


@pytest.mark.parametrize("name", SPECS)
def test_the_graph_equals_numpy(batch: dict[str, Any], name: str) -> None:
    spec = SPECS[name]
    batch = dict(batch, bounding_boxes=dict(batch["bounding_boxes"]))
    batch["bounding_boxes"]["labels"] = np.where(
        batch["bounding_boxes"]["labels"] == 2, -2, batch["bounding_boxes"]["labels"]
    ).astype(np.int32)
    ds = tf.data.Dataset.from_tensor_slices(batch).batch(8).map(spec)
    assert ds.element_spec[1]["boxes"].shape.as_list() == [None, len(spec), 4]
    _, eager = spec(batch)
    ((_, mapped),) = ds
    for index in range(8):
        boxes, labels = (batch["bounding_boxes"][key][index] for key in ("boxes", "labels"))
        expected = spec.for_image(boxes, labels, (300, 300))
        for found in (eager, mapped):
            np.testing.assert_array_equal(found["labels"][index], expected["labels"])
            np.testing.assert_allclose(found["boxes"][index], expected["boxes"], atol=1e-5)
    assert (eager["labels"].numpy() == -2).any()


@pytest.mark.parametrize("name", SPECS)
def test_decode_is_the_inverse(scenes: list[Any], name: str) -> None:
    spec = SPECS[name]
    for boxes, labels in scenes[:20]:
        inside = boxes.clip(0, 1)
        found = spec.for_image(inside * 300, np.arange(len(labels)), (300, 300))
        some = found["labels"] >= 0
        np.testing.assert_allclose(
            spec.decode(found["boxes"])[some], inside[found["labels"][some]], atol=1e-5
        )


def test_by_hand() -> None:
    """One box, centre (0.55, 0.3) of 0.3 by 0.2: in a 7 by 7 grid column 3 and row 2."""
    box = [[120, 60, 210, 120]]
    found = SPECS["v1"].for_image(box, [4], (300, 300))
    (place,) = np.flatnonzero(found["labels"] >= 0)
    assert place == 2 * 7 + 3
    np.testing.assert_allclose(found["boxes"][place], [0.55 * 7 - 3, 0.3 * 7 - 2, 0.3, 0.2], atol=1e-6)

    spec = SPECS["v2"]  # 90 by 60 is nearest to 120 by 60
    found = spec.for_image(box, [4], (300, 300))
    (place,) = np.flatnonzero(found["labels"] >= 0)
    assert place == (3 * 13 + 7) * 3 + 1
    np.testing.assert_allclose(
        found["boxes"][place], [0.55 * 13 - 7, 0.3 * 13 - 3, np.log(90 / 120), 0], atol=1e-6
    )
    (grid,) = spec.split(found["labels"])
    assert grid.shape == (13, 13, 3)
    assert grid[3, 7, 1] == 4


def test_v3_takes_the_anchor_from_all_grids() -> None:
    spec = SPECS["v3"]
    assert len(spec) == 3 * (52 * 52 + 26 * 26 + 13 * 13) == 10647
    boxes = [[200, 200, 212, 214], [200, 200, 260, 250], [10, 10, 380, 330]]
    found = spec.for_image(boxes, [0, 1, 2], (416, 416))
    small, middle, large = spec.split(found["labels"])
    assert [part.shape for part in (small, middle, large)] == [(52, 52, 3), (26, 26, 3), (13, 13, 3)]
    assert [part.max() for part in (small, middle, large)] == [0, 1, 2]
    assert small[207 * 52 // 416, 206 * 52 // 416, 0] == 0
    assert spec.split(np.zeros((5, len(spec), 4)))[2].shape == (5, 13, 13, 3, 4)
    assert spec.split(tf.zeros((5, len(spec), 4)))[0].shape == (5, 52, 52, 3, 4)


def test_who_keeps_a_place_that_two_want() -> None:
    boxes = np.array([[[100, 100, 140, 140], [101, 101, 141, 141], [0, 0, 30, 60]]], np.float32)
    batch = np.zeros((1, 300, 300, 3)), {"boxes": boxes, "labels": np.array([[0, 1, 2]], np.int32)}
    for name, kept in (("v1", {0, 2, -1}), ("v2", {1, 2, -1})):
        spec = SPECS[name]
        assert set(spec.for_image(boxes[0], [0, 1, 2], (300, 300))["labels"]) == kept
        assert set(spec(batch)[1]["labels"].numpy().ravel()) == kept
        assert spec.lost(batch).numpy().tolist() == [1]
        # an ignored object takes no place from an object
        ignored = dict(batch[1], labels=np.array([[0, -2, -1]], np.int32))
        assert set(spec(batch[0], ignored)[1]["labels"].numpy().ravel()) == {0, -1}
        assert spec.lost(batch[0], ignored).numpy().tolist() == [0]


def test_borders_and_boxes_without_extent() -> None:
    spec = SPECS["v1"]
    at_the_end = spec.for_image([[280, 280, 320, 320]], [0], (300, 300))  # its centre is the corner
    assert at_the_end["labels"][48] == 0
    np.testing.assert_allclose(at_the_end["boxes"][48, :2], 1)
    for box in ([50, 50, 50, 80], [310, 10, 330, 20], [-1, -1, -1, -1]):
        assert (spec.for_image([box], [0], (300, 300))["labels"] == -1).all()
    empty = np.zeros((2, 300, 300, 3)), {"boxes": np.zeros((2, 0, 4)), "labels": np.zeros((2, 0), np.int32)}
    assert (spec(empty)[1]["labels"].numpy() == -1).all()
    assert spec.lost(empty).numpy().tolist() == [0, 0]


def test_anchors_are_shared_out_by_size() -> None:
    draw = np.random.RandomState(0)
    shapes = kmeans_anchors(draw.uniform(8, 200, (200, 2)), 6)
    spec = YoloTargets("v3", (8, 4), shapes[::-1], 256)
    np.testing.assert_allclose(np.concatenate(spec.shapes) * 256, shapes, rtol=1e-6)
    own = YoloTargets("v3", (8, 4), [[(10, 10)], [(20, 20), (40, 40)]], 256)
    assert len(own) == 64 + 32


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("version", ("v8", 7)),
        ("grids", ("v1", (7, 14))),
        ("grids", ("v1", ())),
        ("grids", ("v1", "seven")),
        ("anchors", ("v1", 7, [(1, 2)], 300)),
        ("image_size", ("v2", 13, [(1, 2)])),
        ("shapes", ("v2", 13, None, 300)),
        ("anchors", ("v3", (8, 4), [(1, 2), (3, 4), (5, 6)], 300)),
        ("box_format", ("v1", 7, None, None, "voc")),
    ],
)
def test_what_makes_no_sense(field: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(OptionError) as caught:
        YoloTargets(*arguments)
    assert caught.value.field == field
