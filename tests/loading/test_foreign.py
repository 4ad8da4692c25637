"""TFRecord files of other writers, made here with TensorFlow's own classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import ClassMap
from annotools.augment import RandomCrop
from annotools.errors import OptionError, RecordError
from annotools.loader import explain, make_dataset, pipeline_of
from annotools.loader.options import SourceOptions
from annotools.loader.sources.open import open_examples

WIDTH, HEIGHT = 60, 40
BOXES = np.array([[6, 4, 30, 20], [0, 0, 60, 40]], np.float32)
PIXELS = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
JPEG = tf.io.encode_jpeg(PIXELS, quality=95).numpy()
PNG = tf.io.encode_png(PIXELS).numpy()
Features = Mapping[str, list[Any]]


def serialized(features: Features) -> bytes:
    def feature(values: list[Any]) -> tf.train.Feature:
        if not values:
            return tf.train.Feature()
        if isinstance(values[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        if isinstance(values[0], int):
            return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))

    content = tf.train.Features(feature={key: feature(values) for key, values in features.items()})
    data: bytes = tf.train.Example(features=content).SerializeToString()
    return data


def write(path: Path, *records: Features) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(serialized(record))


def edges(prefix: str) -> dict[str, list[float]]:
    columns = (BOXES / [WIDTH, HEIGHT, WIDTH, HEIGHT]).T.tolist()
    return {
        f"{prefix}/{name}": values
        for name, values in zip(("xmin", "ymin", "xmax", "ymax"), columns, strict=True)
    }


def tfod(**changes: list[Any] | None) -> Features:
    features = {
        "image/encoded": [JPEG],
        "image/format": [b"jpeg"],
        "image/filename": [b"shop/a.b.jpg"],
        "image/source_id": [b"17"],
        "image/height": [HEIGHT],
        "image/width": [WIDTH],
        **edges("image/object/bbox"),
        "image/object/class/label": [3, 1],
        "image/object/class/text": [b"cup", b"hat"],
        "image/object/difficult": [0, 1],
    }
    for key, values in changes.items():
        name = "image/" + key.replace("__", "/")
        if values is None:
            features.pop(name)
        else:
            features[name] = values
    return features


BALANCAP: Features = {
    "image/encoded": [JPEG],
    "image/format": [b"JPEG"],
    "image/height": [HEIGHT],
    "image/width": [WIDTH],
    "image/channels": [3],
    "image/shape": [HEIGHT, WIDTH, 3],
    **edges("image/object/bbox"),
    "image/object/bbox/label": [3, 1],
    "image/object/bbox/label_text": [b"cup", b"hat"],
    "image/object/bbox/difficult": [0, 0],
    "image/object/bbox/truncated": [0, 0],
}
TFDS: Features = {
    "image": [JPEG],
    "image/filename": [b"a.jpg"],
    "objects/bbox": (BOXES / [WIDTH, HEIGHT, WIDTH, HEIGHT])[:, [1, 0, 3, 2]].reshape(-1).tolist(),
    "objects/label": [2, 0],
    "objects/pose": [4, 4],
    "objects/is_truncated": [0, 0],
    "objects/is_difficult": [0, 1],
    "labels": [0, 2],
    "labels_no_difficult": [2],
}


def only(dataset: tf.data.Dataset) -> dict[str, Any]:
    (batch,) = dataset
    return {
        "id": batch["image_id"].numpy()[0].decode(),
        "images": batch["images"].numpy()[0],
        "boxes": batch["bounding_boxes"]["boxes"].numpy()[0],
        "labels": batch["bounding_boxes"]["labels"].numpy()[0].tolist(),
    }


@pytest.mark.parametrize(
    ("file", "record", "image_id"),
    [
        ("train-00000-of-00001.tfrecord", tfod(), "shop/a.b"),
        ("coco_train.record-00000-of-00001", tfod(filename=None), "17"),
        ("voc_2007_train_000.tfrecord", BALANCAP, "0"),
        ("voc-train.tfrecord-00000-of-00001", TFDS, "a"),
    ],
)
def test_dialects_and_shard_names_of_others(
    tmp_path: Path, file: str, record: Features, image_id: str
) -> None:
    write(tmp_path / file, record)
    found = only(make_dataset(tmp_path, split="train", image_size=(HEIGHT, WIDTH), batch_size=4))
    np.testing.assert_array_equal(found["boxes"], BOXES)
    assert found["labels"] == [2, 0]
    assert found["id"] == image_id
    np.testing.assert_array_equal(found["images"], tf.io.decode_jpeg(JPEG).numpy())


def test_difficult_flags_of_others_count(tmp_path: Path) -> None:
    for file, record in (("a.tfrecord", tfod()), ("b.tfrecord", TFDS)):
        write(tmp_path / file, record)
        dataset = make_dataset(tmp_path / file, image_size=8, batch_size=1, keep_difficult="ignore")
        assert only(dataset)["labels"] == [2, -2]


def test_the_image_and_not_the_record_says_how_large_it_is(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", tfod(height=[1], width=[1]), tfod(height=None, width=None, encoded=[PNG]))
    for sample in make_dataset(tmp_path, image_size=None, batch_size=None):
        assert sample["images"].shape == (HEIGHT, WIDTH, 3)
        np.testing.assert_array_equal(sample["bounding_boxes"]["boxes"], BOXES)


def test_every_kind_of_image_gives_three_channels(tmp_path: Path) -> None:
    kinds = {
        "grey": tf.io.encode_jpeg(PIXELS[..., :1], format="grayscale").numpy(),
        "progressive": tf.io.encode_jpeg(PIXELS, progressive=True).numpy(),
        "png": PNG,
        "gif": _with_pillow("GIF"),
        "bmp": _with_pillow("BMP"),
        "webp": _with_pillow("WEBP"),
        "cmyk": _with_pillow("JPEG", "CMYK"),
        "palette": _with_pillow("PNG", "P"),
    }
    write(
        tmp_path / "a.tfrecord", *(tfod(encoded=[data], filename=[k.encode()]) for k, data in kinds.items())
    )
    seen = set()
    for sample in make_dataset(tmp_path, image_size=None, batch_size=None):
        kind = sample["image_id"].numpy().decode()
        seen.add(kind)
        assert sample["images"].shape == (HEIGHT, WIDTH, 3), kind
        assert sample["images"].numpy().std() > 30, kind
        np.testing.assert_array_equal(sample["bounding_boxes"]["boxes"], BOXES, err_msg=kind)
    assert seen == set(kinds)


def _with_pillow(form: str, mode: str = "RGB") -> bytes:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(buffer, form)
    return buffer.getvalue()


def test_max_boxes_is_counted_where_no_manifest_tells_it(tmp_path: Path) -> None:
    nothing: dict[str, list[Any] | None] = {
        f"object__bbox__{edge}": [] for edge in ("xmin", "ymin", "xmax", "ymax")
    }
    negative = tfod(**nothing, object__class__label=[], object__class__text=[], object__difficult=[])
    bare = {"image/encoded": [JPEG], "image/filename": [b"bare.jpg"]}
    write(tmp_path / "a.tfrecord", bare, negative, tfod(), bare)
    dataset = make_dataset(tmp_path, image_size=8, batch_size=2)
    assert dataset.element_spec["bounding_boxes"]["boxes"].shape[1] == 2
    assert sorted(int(n) for batch in dataset for n in batch["num_boxes"]) == [0, 0, 0, 2]


def test_names_decide_where_a_class_map_is_given(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", tfod(object__class__label=[7, 7]))
    classes = ClassMap({"hat": 2, "cup": 5})
    found = only(make_dataset(tmp_path, image_size=8, batch_size=1, classes=classes))
    assert found["labels"] == [4, 1]


def test_labels_that_count_from_0_become_the_ids_of_the_class_map(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", TFDS)
    classes = ClassMap({"a": 1, "b": 4, "c": 9})
    assert only(make_dataset(tmp_path, image_size=8, batch_size=1, classes=classes))["labels"] == [8, 0]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (tfod(encoded=[b""]), "a record without an image"),
        (tfod(object__bbox__xmin=[0.1]), "differ in length"),
        (tfod(object__class__label=[1]), "differ in length"),
        (tfod(object__difficult=[1]), "differ in length"),
        (tfod(object__class__label=[0, 1]), "out of range"),
        (tfod(object__bbox__xmax=[30.0, 60.0]), "not normalised"),
        (tfod(object__bbox__xmax=[float("nan"), 0.5]), "not normalised"),
    ],
)
def test_a_bad_record_is_an_error_that_names_the_image(
    tmp_path: Path, record: Features, message: str
) -> None:
    write(tmp_path / "a.tfrecord", record)
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"{message}[\s\S]*shop/a\.b"):
        list(parsed(tmp_path))


def parsed(path: Path, **options: Any) -> tf.data.Dataset:
    """The samples of a file one by one, without the rest of the pipeline."""
    examples = open_examples(path, SourceOptions(**options))
    numbers = tf.data.Dataset.range(len(examples)).map(lambda number: (number[None],))
    return examples.read(numbers, 1).map(examples.samples)


def test_a_name_that_is_not_in_the_class_map_is_named_with_the_image(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", tfod())
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"class name[\s\S]*shop/a\.b[\s\S]*cup"):
        list(parsed(tmp_path, classes=ClassMap({"hat": 1})))


def test_a_value_of_the_wrong_kind_names_key_and_record(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", tfod(), tfod(object__class__label=[b"cup", b"hat"]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"record 1[\s\S]*image/object/class/label"):
        list(parsed(tmp_path))


def test_a_box_outside_its_image_stops_the_epoch_with_the_name(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", tfod(object__bbox__xmax=[1.1, 0.5]))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"outside their image[\s\S]*shop/a\.b"):
        list(make_dataset(tmp_path, image_size=8, batch_size=1))


def test_a_box_that_is_off_by_rounding_is_cut_and_kept(tmp_path: Path) -> None:
    write(tmp_path / "a.tfrecord", tfod(object__bbox__xmax=[0.5, 1.000001]))
    found = only(make_dataset(tmp_path, image_size=(HEIGHT, WIDTH), batch_size=1))
    np.testing.assert_array_equal(found["boxes"], BOXES)


def test_several_splits_need_a_choice(tmp_path: Path) -> None:
    for name in ("voc_train_000.tfrecord", "voc_test_000.tfrecord"):
        write(tmp_path / name, BALANCAP)
    with pytest.raises(OptionError) as caught:
        make_dataset(tmp_path, image_size=8, batch_size=1)
    assert caught.value.expected == "voc_test, voc_train"
    dataset = make_dataset(tmp_path, split="test", image_size=8, batch_size=1)
    assert pipeline_of(dataset).examples.path == str(tmp_path)


def test_images_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """All records call their picture frame.jpg: each has an id, a place and draws of its own."""
    writer = tf.io.TFRecordWriter(str(tmp_path / "train.tfrecord"))
    encoded = tf.io.encode_png(
        tf.cast(tf.reshape(tf.range(48 * 48 * 3) % 251, [48, 48, 3]), tf.uint8)
    ).numpy()
    for _ in range(6):
        feature = {
            "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded])),
            "image/filename": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"frame.jpg"])),
        }
        writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    writer.close()
    dataset = make_dataset(tmp_path, image_size=48, batch_size=6, augment=RandomCrop(), shuffle=False)
    batch = next(iter(dataset))
    assert batch["image_id"].numpy().tolist() == [f"frame#{number}".encode() for number in range(6)]
    assert len({image.tobytes() for image in batch["images"].numpy()}) == 6
    seen = explain(dataset, "frame#4")
    np.testing.assert_array_equal(seen.image, batch["images"][4])


def test_names_that_do_not_come_again_are_the_ids(converted: Path) -> None:
    files = sorted(str(file) for file in converted.glob("train-*"))
    batch = next(iter(make_dataset(files, image_size=8, batch_size=16)))
    assert not any(b"#" in name for name in batch["image_id"].numpy())


def test_records_of_no_known_dialect_are_refused_when_they_are_opened(tmp_path: Path) -> None:
    file = tmp_path / "other.tfrecord"
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(serialized({"img": [JPEG], "bbox/x0": [0.1]}))
    with pytest.raises(RecordError) as caught:
        open_examples(file, SourceOptions())
    assert "bbox/x0, img" in str(caught.value)
    assert all(name in str(caught.value) for name in ("image/encoded", "tfod", "balancap", "tfds"))


def test_an_empty_list_of_files() -> None:
    with pytest.raises(OptionError, match="an empty list of files"):
        open_examples([], SourceOptions())
