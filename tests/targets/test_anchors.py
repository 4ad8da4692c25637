"""The grids are the published ones, bit for bit; k-means finds what exhaustive search finds."""

from __future__ import annotations

import hashlib
import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from annotools.errors import OptionError
from annotools.records import Annotation, Box, Image, Object, Size
from annotools.targets import (
    SSD300_COCO,
    SSD300_KERAS,
    SSD300_VOC,
    Anchors,
    feature_size,
    grid_anchors,
    kmeans_anchors,
    mean_best_iou,
    object_shapes,
    prior_boxes,
)
from annotools.targets.anchors import shape_iou

MAPS = (38, 19, 10, 5, 3, 1)
PUBLISHED = "985b2eff687f21990c384a6c283f3427171809c7b3409a22af1d5c9787a9972f"
"""sha256 of the (7308, 8) float32 array in prior_boxes_ssd300.pkl, rykov8/ssd_keras a560b91, in C order."""


def test_the_published_file_of_ssd_keras() -> None:
    table = SSD300_KERAS.table
    assert table.shape == (7308, 8)
    assert table.dtype == np.float32
    assert hashlib.sha256(np.ascontiguousarray(table, "<f4").tobytes()).hexdigest() == PUBLISHED


def torchvision_grid(scales: list[float], ratios: list[list[int]]) -> NDArray[np.float64]:
    """DefaultBoxGenerator as its source has it, with clip=False: centres and sizes in shares, and corners."""
    rows: list[list[float]] = []
    for k, cells in enumerate(MAPS):
        pairs = [(scales[k],) * 2, (math.sqrt(scales[k] * scales[k + 1]),) * 2]
        for ratio in ratios[k]:
            wide, tall = scales[k] * math.sqrt(ratio), scales[k] / math.sqrt(ratio)
            pairs += [(wide, tall), (tall, wide)]
        step = (8, 16, 32, 64, 100, 300)[k]
        for i, j in itertools.product(range(cells), range(cells)):
            x, y = (j + 0.5) / (300 / step), (i + 0.5) / (300 / step)
            rows += [[x - w / 2, y - h / 2, x + w / 2, y + h / 2] for w, h in pairs]
    return np.array(rows)


@pytest.mark.parametrize(
    ("anchors", "scales"),
    [
        (SSD300_VOC, [0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05]),
        (SSD300_COCO, [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05]),
    ],
    ids=["voc", "coco"],
)
def test_the_grid_of_torchvision(anchors: Anchors, scales: list[float]) -> None:
    expected = torchvision_grid(scales, [[2], [2, 3], [2, 3], [2, 3], [2], [2]])
    assert anchors.boxes.shape == expected.shape == (8732, 4)
    assert np.abs(anchors.boxes - expected).max() * 300 < 4e-5


def test_counts_and_conventions() -> None:
    assert SSD300_VOC.per_cell == (4, 6, 6, 6, 4, 4)
    assert SSD300_KERAS.per_cell == (3, 6, 6, 6, 6, 6)
    assert len(SSD300_KERAS) == 7308
    np.testing.assert_array_equal(SSD300_VOC.variances, np.array([0.1, 0.1, 0.2, 0.2], np.float32))
    assert SSD300_VOC.boxes.min() == pytest.approx(-0.361, abs=1e-3)  # nothing is cut
    assert SSD300_KERAS.boxes.min() == 0
    assert SSD300_KERAS.boxes.max() == 1
    with pytest.raises(ValueError, match="read-only"):
        SSD300_VOC.boxes[0] = 0


def test_an_input_that_is_not_square() -> None:
    anchors = prior_boxes([(2, 3)], (100, 300), (30, 60), [()], clip=False)
    assert anchors.boxes.shape == (12, 4)
    np.testing.assert_allclose(anchors.boxes[0], [(50 - 15) / 300, (25 - 15) / 100, 65 / 300, 40 / 100])
    np.testing.assert_allclose(anchors.boxes[2, 0], (150 - 15) / 300, rtol=1e-6)  # the next column first


def test_shapes_of_one_s_own() -> None:
    anchors = grid_anchors([2, 1], 64, [[(10, 20)], [(30, 30), (60, 20)]], steps=[32, 64])
    sizes = (anchors.boxes[:, 2:] - anchors.boxes[:, :2]) * 64
    np.testing.assert_allclose(sizes, [[10, 20]] * 4 + [[30, 30], [60, 20]], rtol=1e-6)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("ratios", {"ratios": [(2,)]}),
        ("sizes", {"sizes": (30, 60)}),
        ("sizes", {"sizes": (30, 60, -1)}),
        ("sizes", {"sizes": "large"}),
        ("steps", {"steps": (8,)}),
        ("image_size", {"image_size": 0}),
        ("image_size", {"image_size": 1.5}),
        ("feature_maps", {"feature_maps": (38, "19")}),
        ("variances", {"variances": (0.1, 0.2)}),
    ],
)
def test_what_makes_no_sense(field: str, change: dict[str, Any]) -> None:
    options: dict[str, Any] = {
        "feature_maps": (38, 19),
        "image_size": 300,
        "sizes": (30, 60, 111),
        "ratios": [(2,), (2, 3)],
    }
    with pytest.raises(OptionError) as caught:
        prior_boxes(**options | change)
    assert caught.value.field == field


def test_feature_sizes_of_ssd300() -> None:
    sizes = [300]
    for _ in range(2):  # two poolings
        sizes.append(feature_size(sizes[-1], 2, 2))
    conv4 = feature_size(sizes[-1], 2, 2, ceil_mode=True)
    fc7 = feature_size(conv4, 2, 2)
    conv8, conv9 = feature_size(fc7, 3, 2, padding=1), feature_size(10, 3, 2, padding=1)
    assert [*sizes, conv4, fc7, conv8, conv9] == [300, 150, 75, 38, 19, 10, 5]
    assert feature_size((5, 3), 3) == (3, 1)
    assert feature_size(75, 2, 2) == 37


def test_feature_sizes_against_keras_and_by_counting() -> None:
    import keras

    for size, kernel, stride in itertools.product((1, 5, 6, 13, 38), (1, 2, 3, 5), (1, 2, 3)):
        for padding in ("same", "valid"):
            if padding == "valid" and kernel > size:
                with pytest.raises(OptionError, match="kernel"):
                    feature_size(size, kernel, stride, padding)
                continue
            layer = keras.layers.MaxPooling1D(kernel, stride, padding)
            theirs = layer.compute_output_shape((1, size, 1))[1]
            assert feature_size(size, kernel, stride, padding) == theirs, (size, kernel, stride, padding)
        for border in range(kernel // 2 + 1):
            starts = range(-border, size + border, stride)
            full = [start for start in starts if start + kernel <= size + border]
            if full:
                assert feature_size(size, kernel, stride, border) == len(full)
                # Caffe: one more window where pixels are left, if it starts before they end
                more = [s for s in starts if full[-1] < s < size and full[-1] + kernel < size + border][:1]
                assert feature_size(size, kernel, stride, border, ceil_mode=True) == len(full) + len(more)


@pytest.mark.parametrize("bad", [{"size": 0}, {"kernel": 1.5}, {"stride": "2"}, {"padding": "full"}])
def test_feature_size_says_what_is_wrong(bad: dict[str, Any]) -> None:
    options: dict[str, Any] = {"size": 10, "kernel": 3, "stride": 1, "padding": "valid"}
    with pytest.raises(OptionError) as caught:
        feature_size(**options | bad)
    assert caught.value.field in bad


def best_partition(points: NDArray[np.float64], k: int, *, stable: bool) -> float:
    """The best mean IoU that the means of a partition into k parts reach: of any, or of those that k-means
    can end in, where each point's nearest mean is that of its own part.
    """
    best = 0.0
    for owners in itertools.product(range(k), repeat=len(points)):
        if len(set(owners)) == k:
            centres = np.array([points[[o == c for o in owners]].mean(axis=0) for c in range(k)])
            if not stable or tuple(shape_iou(points, centres).argmax(axis=1)) == owners:
                best = max(best, mean_best_iou(points, centres))
    return best


@pytest.mark.parametrize("seed", range(4))
def test_kmeans_against_exhaustive_search(seed: int) -> None:
    draw = np.random.RandomState(seed)
    apart = np.repeat([[10, 14], [60, 20], [90, 120]], [3, 2, 2], axis=0) * draw.uniform(0.9, 1.1, (7, 2))
    found = mean_best_iou(apart, kmeans_anchors(apart, 3))
    assert found == pytest.approx(best_partition(apart, 3, stable=False), abs=1e-6)
    anywhere = draw.uniform(5, 60, (6, 2))
    for k in (1, 2, 3):
        found = mean_best_iou(anywhere, kmeans_anchors(anywhere, k))
        assert found >= best_partition(anywhere, k, stable=True) - 0.02


def test_kmeans_finds_what_is_plainly_there_and_the_same_each_time() -> None:
    draw = np.random.RandomState(3)
    truth = np.array([[10, 12], [30, 80], [90, 40]])
    points = np.concatenate([centre * draw.uniform(0.95, 1.05, (50, 2)) for centre in truth])
    found = kmeans_anchors(points, 3)
    assert found.shape == (3, 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, truth, rtol=0.05)  # from small to large
    noise = draw.uniform(5, 200, (300, 2))
    np.testing.assert_array_equal(kmeans_anchors(noise, 6, seed=1), kmeans_anchors(noise, 6, seed=1))
    scores = [mean_best_iou(noise, kmeans_anchors(noise, k)) for k in (1, 3, 6, 12)]
    assert scores == sorted(scores)
    one = mean_best_iou(noise, kmeans_anchors(noise, 6, starts=1))
    assert mean_best_iou(noise, kmeans_anchors(noise, 6, starts=8)) >= one


@pytest.mark.parametrize(
    ("shapes", "k", "field"),
    [
        ([[1, 2]], 2, "k"),
        ([[1, 2], [1, 2]], 2, "k"),
        ([[1, 2]], 0, "k"),
        ([[1, 0]], 1, "shapes"),
        ([1, 2], 1, "shapes"),
        ([], 1, "shapes"),
        ([["a", "b"]], 1, "shapes"),
        ([[1, math.nan]], 1, "shapes"),
    ],
)
def test_kmeans_says_what_is_wrong(shapes: Any, k: Any, field: str) -> None:
    with pytest.raises(OptionError) as caught:
        kmeans_anchors(shapes, k)
    assert caught.value.field == field


def test_shapes_are_those_after_the_resize() -> None:
    things = (Object("a", Box(0, 0, 100, 50)), Object("b", Box(5, 5, 5, 9)), Object("c"))
    turned = Annotation(image=Image("jpeg", 200, 400, 3, orientation=6), objects=things)  # upright 400 by 200
    np.testing.assert_allclose(object_shapes([turned], 100), [[25, 25]])
    np.testing.assert_allclose(object_shapes([turned], (100, 200), resize="letterbox"), [[50, 25]])
    claimed = Annotation(size=Size(200, 100), objects=things)
    np.testing.assert_allclose(object_shapes([claimed], 100), [[50, 50]])
    assert object_shapes([], 100).shape == (0, 2)
    with pytest.raises(OptionError, match="headers=True"):
        object_shapes([Annotation(objects=things)], 100)
    with pytest.raises(OptionError, match="resize"):
        object_shapes([claimed], 100, resize="crop")
