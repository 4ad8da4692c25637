"""A folder written without tensorflow_datasets, opened by it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from annotools.classes.class_map import ClassMap
from annotools.errors import ImageError, OptionError, OutputError, RecordError, UnknownClassError
from annotools.formats import tfds, tfrecord
from annotools.formats.example import tf_example
from annotools.formats.example.features import read_features
from annotools.records import Example

reference: Any = pytest.importorskip("tensorflow_datasets")

CLASSES = ClassMap({"Clothes": 1, "裤子": 5, "shoes": 9})
POSES = ["frontal", "rear", "left", "right", "unspecified"]


@pytest.fixture(scope="module")
def features() -> Any:
    """The feature dict of tensorflow_datasets' own voc.py, with our class names."""
    names = list(CLASSES.names)
    f = reference.features
    return f.FeaturesDict(
        {
            "image": f.Image(),
            "image/filename": f.Text(),
            "objects": f.Sequence(
                {
                    "label": f.ClassLabel(names=names),
                    "bbox": f.BBoxFeature(),
                    "pose": f.ClassLabel(names=POSES),
                    "is_truncated": np.bool_,
                    "is_difficult": np.bool_,
                }
            ),
            "labels": f.Sequence(f.ClassLabel(names=names)),
            "labels_no_difficult": f.Sequence(f.ClassLabel(names=names)),
        }
    )


def make(stem: str, encoded: bytes, fmt: str, **changes: Any) -> Example:
    return Example(
        id=stem,
        filename=f"{stem}.{fmt}",
        source_id=stem,
        width=60,
        height=40,
        format=fmt,
        encoded=encoded,
        **changes,
    )


OBJECTS: dict[str, Any] = {
    "boxes": ((1.0, 2.0, 59.0, 40.0), (0.0, 0.0, 60.0, 40.0), (3.0, 4.0, 3.0, 5.0)),
    "labels": (9, 1, 9),
    "names": ("shoes", "Clothes", "shoes"),
    "poses": ("Left", "", "SideFaceLeft"),
    "truncated": (0, 1, 1),
    "difficult": (1, 0, 1),
    "occluded": (0, 0, 1),
}


def serialise(example: Example) -> bytes:
    head, tail = tfds.encode(example, CLASSES)
    return head + example.encoded + tail


def written_by_tfds(example: Example, features: Any) -> bytes:
    w, h = example.width, example.height
    value = {
        "image": example.encoded,
        "image/filename": example.filename,
        "objects": [
            {
                "label": name,
                "bbox": reference.features.BBox(ymin=y0 / h, xmin=x0 / w, ymax=y1 / h, xmax=x1 / w),
                "pose": pose.lower() if pose.lower() in POSES else "unspecified",
                "is_truncated": bool(truncated),
                "is_difficult": bool(difficult),
            }
            for name, (x0, y0, x1, y1), pose, truncated, difficult in zip(
                example.names, example.boxes, example.poses, example.truncated, example.difficult, strict=True
            )
        ],
        "labels": sorted({CLASSES.index(name) for name in example.names}),
        "labels_no_difficult": sorted(
            {CLASSES.index(n) for n, d in zip(example.names, example.difficult, strict=True) if not d}
        ),
    }
    serialiser = reference.core.example_serializer.ExampleSerializer(features.get_serialized_info())
    data: bytes = serialiser.serialize_example(features.encode_example(value))
    return data


@pytest.mark.parametrize("objects", [OBJECTS, {}], ids=["objects", "negative"])
def test_a_record_is_the_one_tfds_writes(
    objects: dict[str, Any], features: Any, make_picture: Callable[..., bytes]
) -> None:
    example = make("a", make_picture(60, 40), "jpeg", **objects)
    assert read_features(serialise(example)) == read_features(written_by_tfds(example, features))


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 4), max_size=5), st.integers(1, 5000), st.integers(1, 5000))
@settings(max_examples=80, deadline=None)
def test_no_box_is_written_that_tfds_would_refuse(
    edges: list[tuple[float, ...]], width: int, height: int
) -> None:
    boxes = []
    for a, b, c, d in edges:
        (x0, x1), (y0, y1) = sorted((a * width, b * width)), sorted((c * height, d * height))
        boxes.append((x0, y0, min(x1, width), min(y1, height)))
    n = len(boxes)
    example = make(
        "a",
        b"?",
        "jpeg",
        boxes=tuple(boxes),
        labels=(1,) * n,
        names=("Clothes",) * n,
        poses=("",) * n,
        **dict.fromkeys(("truncated", "difficult", "occluded"), (0,) * n),
    )
    example = dataclasses.replace(example, width=width, height=height)
    values = tf_example.features(serialise(example))["objects/bbox"]
    bbox = reference.features.BBoxFeature()
    for box in np.array(values, np.float32).reshape(-1, 4):
        np.testing.assert_array_equal(bbox.encode_example(box), box)


def test_the_folder_opens(tmp_path: Path, features: Any, make_picture: Callable[..., bytes]) -> None:
    pictures = {
        "a": ("jpeg", make_picture(60, 40)),
        "b": ("png", make_picture(60, 40, "PNG", mode="RGBA")),
        "c": ("png", make_picture(60, 40, "PNG", mode="P")),
        "d": ("jpeg", make_picture(60, 40, mode="L")),
        "e": ("bmp", make_picture(60, 40, "BMP")),
        "裤": ("jpeg", make_picture(60, 40, mode="CMYK")),
    }
    examples = [
        make(stem, encoded, fmt, **({} if stem == "c" else OBJECTS))
        for stem, (fmt, encoded) in pictures.items()
    ]
    splits: dict[str, list[tuple[int, int]]] = {}
    for split, parts in {"train": [examples[:2], examples[2:5]], "my-val": [examples[5:], []]}.items():
        for index, part in enumerate(parts):
            with tfrecord.Writer(tmp_path / tfds.shard_name(split, index, len(parts), name="shop")) as writer:
                for example in part:
                    head, tail = tfds.encode(example, CLASSES)
                    writer.write(head, example.encoded, tail)
            splits.setdefault(split, []).append((len(part), writer.size))
    tfds.write_metadata(tmp_path, classes=CLASSES, splits=splits, name="shop", version="2.1.0")

    builder = reference.builder_from_directory(str(tmp_path))
    assert builder.info.full_name == "shop/2.1.0"
    assert {name: info.num_examples for name, info in builder.info.splits.items()} == {
        "train": 5,
        "my-val": 1,
    }
    assert builder.info.splits["train"].num_bytes == sum(len(serialise(example)) for example in examples[:5])
    assert str(builder.info.features) == str(features)
    assert builder.info.features["objects"]["label"].names == list(CLASSES.names)
    assert builder.info.features["labels"].feature.names == list(CLASSES.names)
    assert builder.info.features["objects"]["pose"].names == POSES

    read = [
        example
        for split in ("train", "my-val")
        for example in builder.as_dataset(split=split, shuffle_files=False).as_numpy_iterator()
    ]
    for found, example in zip(read, examples, strict=True):
        assert found["image/filename"].decode() == example.filename
        np.testing.assert_array_equal(
            found["image"], tf.image.decode_image(example.encoded, channels=3).numpy()
        )
        sides = np.array([40, 60, 40, 60])
        boxes = found["objects"]["bbox"] * sides
        np.testing.assert_allclose(boxes[:, [1, 0, 3, 2]], np.reshape(example.boxes, (-1, 4)), atol=1e-5)
        if example.boxes:
            assert found["objects"]["label"].tolist() == [2, 0, 2]
            assert found["objects"]["pose"].tolist() == [2, 4, 4]
            assert found["objects"]["is_truncated"].tolist() == [False, True, True]
            assert found["objects"]["is_difficult"].tolist() == [True, False, True]
            assert (found["labels"].tolist(), found["labels_no_difficult"].tolist()) == ([0, 2], [0])


def test_the_metadata_is_what_tfds_writes(tmp_path: Path, features: Any) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    tfds.write_metadata(ours, classes=CLASSES, splits={"train": [(1, 100)]})
    features.save_config(theirs)
    written = {file.name for file in theirs.iterdir()}
    assert written == {file.name for file in ours.iterdir()} - {"dataset_info.json"}
    for name in written:
        if name.endswith(".json"):
            assert json.loads((ours / name).read_bytes()) == json.loads((theirs / name).read_bytes())
        else:
            assert (ours / name).read_bytes() == (theirs / name).read_bytes()


@pytest.mark.parametrize(
    "box",
    [
        (0.0, 0.0, 60 * 1.0000000000000002, 40.0),
        (0.0, 0.0, 60.0, 41.0),
        (-1e-9, 0.0, 1.0, 1.0),
        (5.0, 0.0, 4.0, 1.0),
        (0.0, 5.0, 1.0, 4.0),
        (float("nan"), 0.0, 1.0, 1.0),
    ],
)
def test_boxes_that_tfds_would_refuse(box: tuple[float, float, float, float]) -> None:
    example = make("a", b"?", "jpeg", **{**OBJECTS, "boxes": (box, *OBJECTS["boxes"][1:])})
    with pytest.raises(RecordError, match="outside the image") as caught:
        tfds.encode(example, CLASSES)
    assert (caught.value.path, str(caught.value.found)) == ("a.jpeg", str(box))


@pytest.mark.parametrize(
    ("fmt", "mode"), [("GIF", "P"), ("WEBP", "RGB"), ("BMP", "P"), ("BMP", "1")], ids=lambda value: value
)
def test_images_that_tfds_cannot_decode(fmt: str, mode: str, make_picture: Callable[..., bytes]) -> None:
    example = make("a", make_picture(60, 40, fmt, mode=mode), fmt.lower())
    with pytest.raises(ImageError, match="cannot decode") as caught:
        tfds.encode(example, CLASSES)
    assert (caught.value.path, caught.value.found) == (f"a.{fmt.lower()}", fmt.lower())


def test_other_examples_that_cannot_be_written() -> None:
    with pytest.raises(UnknownClassError, match="cothes"):
        tfds.encode(make("a", b"?", "jpeg", **{**OBJECTS, "names": ("cothes", "shoes", "shoes")}), CLASSES)
    with pytest.raises(RecordError, match="no size"):
        tfds.encode(dataclasses.replace(make("a", b"?", "jpeg"), width=0), CLASSES)
    with pytest.raises(RecordError, match="cannot be written"):
        tfds.encode(dataclasses.replace(make("a", b"?", "jpeg"), filename="\udcff"), CLASSES)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "my-set"}, "name"),
        ({"name": ""}, "name"),
        ({"version": "1.0"}, "version"),
        ({"splits": {"a/b": []}}, "split"),
        ({"splits": {"--": []}}, "split"),
        ({"classes": ClassMap({"two\nlines": 1})}, "classes"),
    ],
)
def test_metadata_that_tfds_could_not_read(change: dict[str, Any], field: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError) as caught:
        tfds.write_metadata(tmp_path, **{"classes": CLASSES, "splits": {}, **change})
    assert caught.value.field == field
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        tfds.write_metadata(tmp_path / "none", classes=CLASSES, splits={})
    assert caught.value.path == str(tmp_path / "none")
