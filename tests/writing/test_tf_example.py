"""Examples as tf.train.Example bytes: equal to TensorFlow's, read by the API's feature spec, and back."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools.classes.class_map import ClassMap
from annotools.errors import RecordError, UnknownClassError
from annotools.formats.example import tf_example
from annotools.records import Example

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
STEM = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="./"), min_size=1, max_size=12)
FLAG = st.integers(0, 1)


@st.composite
def examples(draw: st.DrawFn, coordinate: Callable[[int], st.SearchStrategy[float]]) -> Example:
    width, height = draw(st.integers(1, 9000)), draw(st.integers(1, 9000))
    count = draw(st.integers(0, 4))
    encoded = draw(st.binary(max_size=300))

    def many(values: st.SearchStrategy[Any]) -> tuple[Any, ...]:
        return tuple(draw(st.lists(values, min_size=count, max_size=count)))

    boxes = []
    for _ in range(count):
        xmin, xmax = sorted((draw(coordinate(width)), draw(coordinate(width))))
        ymin, ymax = sorted((draw(coordinate(height)), draw(coordinate(height))))
        boxes.append((xmin, ymin, xmax, ymax))
    stem = draw(STEM)
    return Example(
        id=stem,
        filename=f"{stem}.jpg",
        source_id=draw(TEXT),
        width=width,
        height=height,
        format=draw(st.sampled_from(["jpeg", "png", "gif", "bmp", "webp"])),
        channels=3,
        encoded=encoded,
        sha256=hashlib.sha256(encoded).hexdigest() if encoded else "",
        boxes=tuple(boxes),
        labels=many(st.integers(1, 2**31 - 1)),
        names=many(TEXT),
        poses=many(TEXT),
        truncated=many(FLAG),
        difficult=many(FLAG),
        occluded=many(FLAG),
    )


def whole(size: int) -> st.SearchStrategy[float]:
    return st.integers(0, size).map(float)


def inside(size: int) -> st.SearchStrategy[float]:
    return st.floats(0, size)


def serialise(example: Example) -> bytes:
    head, tail = tf_example.encode(example)
    return head + example.encoded + tail


def serialized(features: dict[str, Any]) -> bytes:
    """Serialised by TensorFlow; the type of the values, or of an array, chooses the list."""

    def feature(values: Any) -> Any:
        values = values if isinstance(values, (list, np.ndarray)) else [values]
        if isinstance(values, np.ndarray):
            return tf.train.Feature(float_list=tf.train.FloatList(value=values))
        if any(isinstance(value, (str, bytes)) for value in values):
            texts = [value.encode() if isinstance(value, str) else value for value in values]
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=texts))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    message = {key: feature(values) for key, values in features.items()}
    example = tf.train.Example(features=tf.train.Features(feature=message))
    data: bytes = example.SerializeToString(deterministic=True)
    return data


def float32(values: Any) -> Any:
    return np.array(values, np.float32)


def written_by_tensorflow(example: Example) -> bytes:
    """The same features, put together with TensorFlow and numpy as the dataset scripts of the API do."""
    boxes = np.array(example.boxes, np.float64).reshape(-1, 4)
    normalised = boxes / np.array([example.width, example.height] * 2, np.float64)
    xmin, ymin, xmax, ymax = normalised.astype(np.float32).T
    data = serialized(
        {
            "image/encoded": example.encoded,
            "image/format": example.format,
            "image/filename": example.filename,
            "image/source_id": example.source_id,
            "image/key/sha256": example.sha256,
            "image/height": example.height,
            "image/width": example.width,
            "image/object/bbox/xmin": xmin,
            "image/object/bbox/xmax": xmax,
            "image/object/bbox/ymin": ymin,
            "image/object/bbox/ymax": ymax,
            "image/object/class/label": list(example.labels),
            "image/object/difficult": list(example.difficult),
            "image/object/truncated": list(example.truncated),
            "image/object/occluded": list(example.occluded),
        }
    )
    message = tf.train.Example.FromString(data)
    for key, texts in (("class/text", example.names), ("view", example.poses)):
        values = message.features.feature[f"image/object/{key}"].bytes_list
        values.SetInParent()  # a BytesList also where there is no text
        values.value.extend(text.encode() for text in texts)
    serialised: bytes = message.SerializeToString(deterministic=True)
    return serialised


# What tf_example_decoder.py of the TF Object Detection API gives to tf.io.parse_single_example.
FEATURE_SPEC: dict[str, Any] = {
    "image/encoded": tf.io.FixedLenFeature((), tf.string, default_value=""),
    "image/format": tf.io.FixedLenFeature((), tf.string, default_value="jpeg"),
    "image/filename": tf.io.FixedLenFeature((), tf.string, default_value=""),
    "image/key/sha256": tf.io.FixedLenFeature((), tf.string, default_value=""),
    "image/source_id": tf.io.FixedLenFeature((), tf.string, default_value=""),
    "image/height": tf.io.FixedLenFeature((), tf.int64, default_value=1),
    "image/width": tf.io.FixedLenFeature((), tf.int64, default_value=1),
    "image/class/text": tf.io.VarLenFeature(tf.string),
    "image/class/label": tf.io.VarLenFeature(tf.int64),
    "image/class/confidence": tf.io.VarLenFeature(tf.float32),
    "image/neg_category_ids": tf.io.VarLenFeature(tf.int64),
    "image/not_exhaustive_category_ids": tf.io.VarLenFeature(tf.int64),
    "image/object/bbox/xmin": tf.io.VarLenFeature(tf.float32),
    "image/object/bbox/xmax": tf.io.VarLenFeature(tf.float32),
    "image/object/bbox/ymin": tf.io.VarLenFeature(tf.float32),
    "image/object/bbox/ymax": tf.io.VarLenFeature(tf.float32),
    "image/object/class/label": tf.io.VarLenFeature(tf.int64),
    "image/object/class/text": tf.io.VarLenFeature(tf.string),
    "image/object/area": tf.io.VarLenFeature(tf.float32),
    "image/object/is_crowd": tf.io.VarLenFeature(tf.int64),
    "image/object/difficult": tf.io.VarLenFeature(tf.int64),
    "image/object/group_of": tf.io.VarLenFeature(tf.int64),
    "image/object/weight": tf.io.VarLenFeature(tf.float32),
}

CLASSES = ClassMap({"cup": 1, "裤子": 4})
TWO = Example(
    id="a",
    filename="a.jpg",
    source_id="7",
    width=500,
    height=375,
    format="jpeg",
    encoded=b"\xff\xd8not a JPEG",
    sha256=hashlib.sha256(b"\xff\xd8not a JPEG").hexdigest(),
    boxes=((1.0, 2.0, 499.0, 375.0), (0.0, 0.0, 500.0, 375.0)),
    labels=(4, 1),
    names=("裤子", "cup"),
    poses=("Left", ""),
    truncated=(0, 1),
    difficult=(1, 0),
    occluded=(0, 1),
)


@given(examples(inside))
@settings(max_examples=60, deadline=None)
def test_the_bytes_are_those_of_tensorflow(example: Example) -> None:
    assert serialise(example) == written_by_tensorflow(example)
    assert serialise(example) == serialise(example)


@given(examples(whole))
@settings(max_examples=60, deadline=None)
def test_whole_pixels_come_back_as_they_were(example: Example) -> None:
    assert tf_example.decode(serialise(example)) == example


def test_whole_pixels_come_back_also_beside_others() -> None:
    mixed = dataclasses.replace(TWO, boxes=((1.0, 2.0, 499.0, 375.0), (0.5, 0.25, 499.3, 374.9)))
    first, second = tf_example.decode(serialise(mixed)).boxes
    assert first == mixed.boxes[0]
    assert second == pytest.approx(mixed.boxes[1], abs=500 * 2.0**-24)


@given(examples(inside))
@settings(max_examples=60, deadline=None)
def test_boxes_stay_inside_and_come_back_within_the_stated_error(example: Example) -> None:
    values = tf_example.features(serialise(example))
    decoded = tf_example.decode(serialise(example))
    for low, high in (("xmin", "xmax"), ("ymin", "ymax")):
        pairs = zip(values[f"image/object/bbox/{low}"], values[f"image/object/bbox/{high}"], strict=True)
        assert all(0 <= a <= b <= 1 for a, b in pairs)
    sides = np.array([example.width, example.height] * 2)
    error = np.abs(np.array(decoded.boxes) - np.array(example.boxes)).reshape(-1, 4)
    assert (error <= sides * 2.0**-24 * (1 + 1e-6)).all()
    assert dataclasses.replace(decoded, boxes=example.boxes) == example
    assert serialise(decoded) == serialise(example)


@pytest.mark.parametrize("example", [TWO, dataclasses.replace(TWO, encoded=b"")], ids=["image", "no image"])
def test_the_object_detection_api_parses_it(example: Example) -> None:
    parsed = tf.io.parse_single_example(serialise(example), FEATURE_SPEC)
    assert parsed["image/encoded"].numpy() == example.encoded
    assert parsed["image/format"].numpy() == b"jpeg"
    assert parsed["image/filename"].numpy() == b"a.jpg"
    assert parsed["image/source_id"].numpy() == b"7"
    assert parsed["image/key/sha256"].numpy() == example.sha256.encode()
    assert (parsed["image/height"].numpy(), parsed["image/width"].numpy()) == (375, 500)
    dense = {
        key.removeprefix("image/object/"): tf.sparse.to_dense(value).numpy()
        for key, value in parsed.items()
        if key.startswith("image/object/")
    }
    np.testing.assert_array_equal(dense["bbox/xmin"], float32([1 / 500, 0]))
    np.testing.assert_array_equal(dense["bbox/ymin"], float32([2 / 375, 0]))
    np.testing.assert_array_equal(dense["bbox/xmax"], float32([499 / 500, 1]))
    np.testing.assert_array_equal(dense["bbox/ymax"], float32([1, 1]))
    assert dense["class/label"].tolist() == [4, 1]
    assert [text.decode() for text in dense["class/text"]] == ["裤子", "cup"]
    assert dense["difficult"].tolist() == [1, 0]
    assert [len(dense[key]) for key in ("area", "is_crowd", "group_of", "weight")] == [0, 0, 0, 0]


def test_a_negative_has_every_key_with_an_empty_list() -> None:
    negative = Example(id="n", filename="n.png", source_id="n", width=2, height=3, format="png")
    features = tf_example.features(serialise(negative))
    assert sorted(key for key, values in features.items() if not values) == [
        "image/object/bbox/xmax",
        "image/object/bbox/xmin",
        "image/object/bbox/ymax",
        "image/object/bbox/ymin",
        "image/object/class/label",
        "image/object/class/text",
        "image/object/difficult",
        "image/object/occluded",
        "image/object/truncated",
        "image/object/view",
    ]
    parsed = tf.io.parse_single_example(serialise(negative), FEATURE_SPEC)
    assert parsed["image/object/bbox/xmin"].shape.as_list() == [0]
    assert tf_example.decode(serialise(negative)) == negative


def test_sha256_is_computed_where_it_is_missing() -> None:
    assert serialise(dataclasses.replace(TWO, sha256="")) == serialise(TWO)
    bare = serialized({"image/encoded": b"abc", "image/height": 2, "image/width": 2})
    assert tf_example.decode(bare).sha256 == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 0}, "no size"),
        ({"height": -1}, "no size"),
        ({"labels": (1,)}, "differ in length"),
        ({"boxes": ()}, "differ in length"),
        ({"occluded": (1, 1, 1)}, "differ in length"),
        ({"boxes": ((1e300, 0, 0, 0), (0, 0, 0, 0))}, "cannot be written"),
        ({"filename": "\udcff.jpg"}, "cannot be written"),
        ({"names": ("\udcff", "cup")}, "cannot be written"),
    ],
)
def test_examples_that_cannot_be_written(change: dict[str, Any], message: str) -> None:
    example = dataclasses.replace(TWO, **change)
    with pytest.raises(RecordError, match=message) as caught:
        tf_example.encode(example)
    assert caught.value.path == example.filename


def test_defaults(make_picture: Callable[..., bytes]) -> None:
    image = make_picture(60, 40, "PNG", mode="L")
    data = serialized(
        {
            "image/encoded": image,
            "image/filename": "shop/IMG.1.png",
            "image/object/bbox/xmin": float32([0.5]),
            "image/object/bbox/ymin": float32([0.0]),
            "image/object/bbox/xmax": float32([1.0]),
            "image/object/bbox/ymax": float32([0.25]),
            "image/object/class/label": [4],
        }
    )
    assert tf_example.decode(data) == Example(
        id="shop/IMG.1",
        filename="shop/IMG.1.png",
        source_id="",
        width=60,
        height=40,
        format="png",
        channels=1,
        encoded=image,
        sha256=hashlib.sha256(image).hexdigest(),
        boxes=((30.0, 0.0, 60.0, 10.0),),
        labels=(4,),
        names=("",),
        poses=("",),
        truncated=(0,),
        difficult=(0,),
        occluded=(0,),
    )
    assert tf_example.decode(data, classes=CLASSES).names == ("裤子",)


@pytest.mark.parametrize(
    ("stored", "read"),
    [("jpeg", "jpeg"), ("JPEG", "jpeg"), ("jpg", "jpeg"), (".JPG", "jpeg"), ("png", "png"), ("", "png")],
)
def test_formats_of_other_writers(stored: str, read: str, make_picture: Callable[..., bytes]) -> None:
    data = serialized({"image/encoded": make_picture(fmt="PNG"), "image/format": stored})
    assert tf_example.decode(data).format == read


def test_the_name_is_the_source_id_where_there_is_no_file_name() -> None:
    data = serialized({"image/source_id": "42", "image/height": 2, "image/width": 2})
    assert tf_example.decode(data).id == "42"


BOX = {f"image/object/bbox/{edge}": float32([0.5]) for edge in ("xmin", "xmax", "ymin", "ymax")}
SIZE = {"image/height": 100, "image/width": 100}


def test_labels_from_names_need_a_class_map() -> None:
    data = serialized({**SIZE, **BOX, "image/object/class/text": ["裤子"]})
    assert tf_example.decode(data, classes=CLASSES).labels == (4,)
    with pytest.raises(RecordError, match="no class"):
        tf_example.decode(data)
    data = serialized({**SIZE, **BOX, "image/object/class/text": ["cap"]})
    with pytest.raises(UnknownClassError):
        tf_example.decode(data, classes=CLASSES)


@pytest.mark.parametrize(
    ("features", "field", "found", "expected"),
    [
        ({**SIZE, "image/object/bbox/xmin": [1]}, "image/object/bbox/xmin", "int64", "float"),
        ({**SIZE, "image/filename": 3}, "image/filename", "int64", "bytes"),
        ({"image/height": "10", "image/width": 10}, "image/height", "bytes", "int64"),
        ({**SIZE, "image/format": ["png", "jpeg"]}, "image/format", "2 values", "1"),
        ({**SIZE, "image/filename": b"\xe4.jpg"}, "image/filename", b"\xe4.jpg", None),
        ({"image/encoded": b"?"}, "image/width, image/height", (0, 0), "1 pixel or more"),
        ({}, "image/width, image/height", (0, 0), "1 pixel or more"),
        (
            {
                **SIZE,
                **BOX,
                "image/object/bbox/ymax": float32([0.1, 0.2]),
                "image/object/difficult": [0] * 3,
            },
            "image/object/bbox/ymax, image/object/difficult",
            "2, 3",
            "1, as image/object/bbox/xmin has",
        ),
        (
            {**SIZE, **BOX, "image/object/class/label": [1, 2]},
            "image/object/class/label",
            "2",
            "1, as image/object/bbox/xmin has",
        ),
        (
            {**SIZE, "image/object/class/text": ["cup"]},
            "image/object/class/text",
            "1",
            "0, as image/object/bbox/xmin has",
        ),
        (
            {**SIZE, **BOX, "image/object/bbox/ymin": float32([np.inf])},
            "image/object/bbox/ymin",
            [np.inf],
            None,
        ),
        ({**SIZE, **BOX}, "image/object/class/label", "none", "a label each"),
    ],
)
def test_refusals(features: dict[str, Any], field: str, found: Any, expected: str | None) -> None:
    with pytest.raises(RecordError) as caught:
        tf_example.decode(serialized(features))
    assert (caught.value.field, caught.value.found, caught.value.expected) == (field, found, expected)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_end_in_a_record_error_only(data: st.DataObject) -> None:
    damaged = bytearray(serialise(TWO))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(RecordError, UnknownClassError):
        tf_example.decode(bytes(damaged), classes=CLASSES)


@pytest.mark.parametrize("boxes", [0, 2])
def test_balancap(boxes: int) -> None:
    """The keys and types of balancap's pascalvoc_to_tfrecords.py."""
    edges = float32([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]])[:, :boxes]
    texts: Any = ["cup", "pen"][:boxes]
    data = serialized(
        {
            "image/height": 10,
            "image/width": 20,
            "image/channels": 1,
            "image/shape": [10, 20, 1],
            "image/object/bbox/xmin": edges[0],
            "image/object/bbox/xmax": edges[1],
            "image/object/bbox/ymin": edges[2],
            "image/object/bbox/ymax": edges[3],
            "image/object/bbox/label": [1, 2][:boxes],
            "image/object/bbox/label_text": texts,
            "image/object/bbox/difficult": [0, 1][:boxes],
            "image/object/bbox/truncated": [1, 0][:boxes],
            "image/format": b"JPEG",
            "image/encoded": b"?",
        }
    )
    example = tf_example.decode(data)
    assert (example.width, example.height, example.channels, example.format) == (20, 10, 1, "jpeg")
    assert example.encoded == b"?"
    assert (example.labels, example.names) == ((1, 2)[:boxes], ("cup", "pen")[:boxes])
    assert (example.difficult, example.truncated) == ((0, 1)[:boxes], (1, 0)[:boxes])
    assert example.occluded == (0,) * boxes
    expected = [(2.0, 5.0, 6.0, 7.0), (4.0, 6.0, 8.0, 8.0)]
    assert list(example.boxes) == [pytest.approx(box, abs=1e-6) for box in expected[:boxes]]


def test_balancap_with_nothing_but_the_shape() -> None:
    data = serialized({"image/shape": [10, 20, 4], "image/object/bbox/label": []})
    example = tf_example.decode(data)
    assert (example.width, example.height, example.channels) == (20, 10, 4)


TFDS = {
    "image/filename": "a.jpg",
    "objects/bbox": float32([0.1, 0.25, 0.5, 0.75, 0, 0, 1, 1]),
    "objects/label": [1, 0],
    "objects/pose": [2, 4],
    "objects/is_truncated": [0, 1],
    "objects/is_difficult": [1, 0],
    "labels": [0, 1],
    "labels_no_difficult": [0],
}


def test_tensorflow_datasets(make_picture: Callable[..., bytes]) -> None:
    image = make_picture(60, 40)
    data = serialized({**TFDS, "image": image})
    example = tf_example.decode(data)
    assert (example.id, example.width, example.height, example.format) == ("a", 60, 40, "jpeg")
    assert example.encoded == image
    assert example.boxes == ((15.0, 4.0, 45.0, 20.0), (0.0, 0.0, 60.0, 40.0))
    assert (example.labels, example.names) == ((2, 1), ("", ""))
    assert example.poses == ("Left", "Unspecified")
    assert (example.truncated, example.difficult) == ((0, 1), (1, 0))
    named = tf_example.decode(data, classes=CLASSES)
    assert (named.labels, named.names) == ((4, 1), ("裤子", "cup"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"objects/bbox": float32([0.1, 0.2, 0.3])}, "objects/bbox"),
        ({"objects/pose": [2, 5]}, "objects/pose"),
        ({"objects/label": [0, 2]}, "image/object/class/label"),
        ({"objects/label": [0, -1]}, "image/object/class/label"),
        ({"objects/is_difficult": ["yes", "no"]}, "objects/is_difficult"),
    ],
)
def test_tensorflow_datasets_refusals(
    change: dict[str, Any], field: str, make_picture: Callable[..., bytes]
) -> None:
    data = serialized({**TFDS, "image": make_picture(), **change})
    with pytest.raises(RecordError) as caught:
        tf_example.decode(data, classes=CLASSES)
    assert caught.value.field == field
