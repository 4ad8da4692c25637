"""What is in a batch, compared with the XML files and with TensorFlow's own decoding."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import annotools
from annotools import boxes
from annotools.augment import Augmenter, ColorJitter, HorizontalFlip, Rotate, ssd
from annotools.errors import AnnotoolsError, OptionError, OutputError, RecordError
from annotools.loader import IGNORE, LEFT_OUT, PAD, explain, make_dataset, pipeline_of, steps_per_epoch
from annotools.records import Annotation

SIZE = (120, 160)
BUSY = "shelf-005"  # landscape, 8 objects


@pytest.fixture(scope="module")
def truth(sample_data: Path) -> dict[str, Annotation]:
    """The annotations of the split `train` by stem."""
    return {Path(a.filename or "").stem: a for a in annotools.read(sample_data, split="train", headers=True)}


@pytest.fixture(scope="module")
def plain(converted: Path) -> tf.data.Dataset:
    return make_dataset(converted, split="train", image_size=SIZE, batch_size=5)


def row(dataset: tf.data.Dataset, image_id: str, **changes: Any) -> dict[str, Any]:
    """What a batch tells of one image, with some options of the pipeline changed; computed eagerly."""
    pipeline = pipeline_of(dataset)
    options = dataclasses.replace(pipeline.options, **changes)
    pipeline = dataclasses.replace(
        pipeline,
        augmenter=Augmenter(None, options.size, resize=options.resize),
        max_boxes=options.max_boxes or pipeline.max_boxes,
        options=options,
    )
    number = pipeline.examples.number_of(image_id)
    assert number is not None
    numbers = tf.constant([number], tf.int64)
    now = tf.constant(0, tf.int64)
    raws, _ = pipeline.examples.read(tf.data.Dataset.from_tensors((numbers,)), 1).get_single_element()
    values, _ = pipeline.rows(*pipeline.plan(raws, numbers[None], now))
    return {key: value[0].numpy() for key, value in values.items()}


def test_a_batch_has_the_shapes_that_were_promised(
    plain: tf.data.Dataset, truth: dict[str, Annotation]
) -> None:
    most = max(len(annotation.objects) for annotation in truth.values())
    spec = plain.element_spec
    assert spec["images"] == tf.TensorSpec((None, *SIZE, 3), tf.uint8)
    assert spec["bounding_boxes"]["boxes"] == tf.TensorSpec((None, most, 4), tf.float32)
    assert spec["bounding_boxes"]["labels"] == tf.TensorSpec((None, most), tf.int32)
    assert spec["num_boxes"] == tf.TensorSpec((None,), tf.int32)
    assert spec["image_id"] == tf.TensorSpec((None,), tf.string)
    assert set(spec) == {"images", "bounding_boxes", "num_boxes", "image_id"}
    assert int(plain.cardinality()) == steps_per_epoch(plain) == 4


def test_every_image_comes_once_with_the_boxes_of_its_xml(
    plain: tf.data.Dataset, truth: dict[str, Annotation], converted: Path, flat: Callable[[Any], Any]
) -> None:
    classes = annotools.ClassMap.from_file(converted / "label_map.pbtxt")
    seen = []
    for batch in flat(plain):
        for i, name in enumerate(batch["image_id"]):
            seen.append(name.decode())
            annotation = truth[name.decode()]
            assert annotation.image is not None
            scale = np.array([SIZE[1] / annotation.image.width, SIZE[0] / annotation.image.height] * 2)
            expected = [np.array(o.bndbox.as_tuple()) * scale for o in annotation.objects if o.bndbox]
            count = batch["num_boxes"][i]
            assert count == len(expected)
            np.testing.assert_allclose(batch["boxes"][i][:count], np.reshape(expected, (-1, 4)), atol=1e-4)
            assert batch["labels"][i][:count].tolist() == [classes.id(o.name) - 1 for o in annotation.objects]
            assert (batch["boxes"][i][count:] == PAD).all()
            assert (batch["labels"][i][count:] == PAD).all()
    assert sorted(seen) == sorted(truth)


def test_single_samples_of_any_size_are_the_decoded_files(
    converted: Path, sample_data: Path, truth: dict[str, Annotation], flat: Callable[[Any], Any]
) -> None:
    samples = flat(make_dataset(converted, split="train", image_size=None, batch_size=None))
    assert len(samples) == len(truth)
    shapes = set()
    for sample in samples:
        name = sample["image_id"].item().decode()
        file = next((sample_data / "JPEGImages").glob(f"{name}.*"))
        np.testing.assert_array_equal(
            sample["images"], tf.io.decode_image(file.read_bytes(), channels=3).numpy()
        )
        shapes.add(sample["images"].shape)
    assert shapes == {(240, 320, 3), (320, 240, 3)}


def test_float_images_hold_the_same_numbers(converted: Path, flat: Callable[[Any], Any]) -> None:
    options: dict[str, Any] = {
        "split": "val",
        "image_size": SIZE,
        "batch_size": 2,
        "augment": HorizontalFlip(),
    }
    ints, floats = (flat(make_dataset(converted, dtype=dtype, **options)) for dtype in ("uint8", "float32"))
    for one, two in zip(ints, floats, strict=True):
        assert two["images"].dtype == np.float32
        np.testing.assert_array_equal(one["images"], two["images"])
    assert len(ints) == 3
    assert len(flat(make_dataset(converted, drop_remainder=True, **options))) == 2


def test_ragged_batches_have_no_padding(converted: Path, plain: tf.data.Dataset) -> None:
    ragged = make_dataset(converted, split="train", image_size=SIZE, batch_size=5, ragged=True)
    assert ragged.element_spec["bounding_boxes"]["boxes"].shape.as_list() == [None, None, 4]
    for one, two in zip(ragged, plain, strict=True):
        found = one["bounding_boxes"]
        assert found["boxes"].shape[-1] == 4
        assert found["boxes"].row_lengths().numpy().tolist() == one["num_boxes"].numpy().tolist()
        padded = two["bounding_boxes"]
        shape = [None, *padded["boxes"].shape[1:]]
        np.testing.assert_array_equal(found["boxes"].to_tensor(PAD, shape=shape), padded["boxes"])
        np.testing.assert_array_equal(found["labels"].to_tensor(PAD, shape=shape[:2]), padded["labels"])


@pytest.mark.parametrize("box_format", boxes.BOX_FORMATS)
def test_box_formats_are_those_of_the_numpy_functions(plain: tf.data.Dataset, box_format: str) -> None:
    corners = row(plain, BUSY)
    found = row(plain, BUSY, box_format=box_format)
    count = found["num_boxes"]
    assert count == corners["num_boxes"] > 1
    expected = boxes.convert(corners["boxes"][:count], "xyxy", box_format, image_size=SIZE)
    np.testing.assert_allclose(found["boxes"][:count], expected, rtol=1e-6)
    assert (found["boxes"][count:] == PAD).all()


def test_letterbox_and_crop_keep_the_aspect(plain: tf.data.Dataset, truth: dict[str, Annotation]) -> None:
    name = BUSY  # 320x240 into 120x200 pixels
    whole = np.array([o.bndbox.as_tuple() for o in truth[name].objects if o.bndbox], np.float32)
    letterboxed = row(plain, name, resize="letterbox", image_size=(120, 200))
    np.testing.assert_allclose(letterboxed["boxes"][: len(whole)], whole / 2 + [20, 0, 20, 0], atol=1e-4)
    cropped = row(plain, name, resize="crop", image_size=(120, 200))
    moved = boxes.clip(whole * 0.625 - [0, 15, 0, 15], (0, 0, 200, 120))
    kept = moved[boxes.area(moved) > 0]
    np.testing.assert_allclose(cropped["boxes"][: cropped["num_boxes"]], kept, atol=0.5)


def test_difficult_objects_stay_go_or_are_ignored(
    plain: tf.data.Dataset, truth: dict[str, Annotation]
) -> None:
    name = next(name for name, a in truth.items() if any(o.difficult for o in a.objects))
    difficult = np.array([bool(o.difficult) for o in truth[name].objects])
    reason = LEFT_OUT.index("difficult")
    kept, dropped, ignored = (row(plain, name, keep_difficult=how) for how in ("keep", "drop", "ignore"))
    assert kept["num_boxes"] == len(difficult)
    labels = kept["labels"][: len(difficult)]
    assert ignored["labels"][: len(difficult)].tolist() == np.where(difficult, IGNORE, labels).tolist()
    assert ignored["left_out"].sum() == kept["left_out"].sum() == 0
    assert dropped["num_boxes"] == (~difficult).sum()
    assert dropped["labels"][: dropped["num_boxes"]].tolist() == labels[~difficult].tolist()
    np.testing.assert_array_equal(
        dropped["boxes"][: dropped["num_boxes"]], kept["boxes"][: len(difficult)][~difficult]
    )
    assert dropped["left_out"][reason] == difficult.sum()


def test_too_many_objects_are_an_error_that_names_the_image(plain: tf.data.Dataset) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"max_boxes=2[\s\S]*{BUSY}"):
        row(plain, BUSY, max_boxes=2)


def test_the_smallest_objects_are_left_out_and_counted(plain: tf.data.Dataset) -> None:
    whole = row(plain, BUSY)
    count = whole["num_boxes"]
    areas = boxes.area(whole["boxes"][:count])
    for most in range(1, count):
        few = row(plain, BUSY, max_boxes=most, overflow="drop_smallest")
        keep = sorted(sorted(range(count), key=lambda i: (-areas[i], i))[:most])
        assert few["boxes"].tolist() == whole["boxes"][keep].tolist()
        assert few["labels"].tolist() == whole["labels"][keep].tolist()
        assert few["left_out"].tolist() == [0] * (len(LEFT_OUT) - 1) + [count - most]


def test_left_out_is_part_of_the_batch_when_asked_for(converted: Path) -> None:
    dataset = make_dataset(
        converted,
        split="train",
        image_size=SIZE,
        batch_size=16,
        max_boxes=3,
        overflow="drop_smallest",
        left_out=True,
    )
    (batch,) = dataset
    assert batch["left_out"].shape == (16, len(LEFT_OUT))
    objects = sum(len(a.objects) for a in annotools.read(converted, split="train"))
    assert int(tf.reduce_sum(batch["num_boxes"]) + tf.reduce_sum(batch["left_out"])) == objects


def test_without_shuffle_images_come_in_the_order_of_the_files(
    converted: Path, flat: Callable[[Any], Any]
) -> None:
    dataset = make_dataset(converted, split="val", image_size=SIZE, batch_size=2, shuffle=False)
    found = [name.decode() for batch in flat(dataset) for name in batch["image_id"]]
    assert found == [Path(a.filename or "").stem for a in annotools.read(converted, split="val")]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"split": "nope"}, "split"),
        ({"split": None}, "split"),
        ({"box_format": "xyhw"}, "box_format"),
        ({"resize": "squeeze"}, "resize"),
        ({"dtype": "float16"}, "dtype"),
        ({"interpolation": "bicubic"}, "interpolation"),
        ({"overflow": "silent"}, "overflow"),
        ({"keep_difficult": "maybe"}, "keep_difficult"),
        ({"cache": "disk"}, "cache"),
        ({"cache": "resized", "resize": "crop"}, "cache"),
        ({"cache": "encoded", "service": "grpc://localhost:1"}, "service"),
        ({"image_size": None}, "image_size"),
        ({"image_size": (0, 10)}, "image_size"),
        ({"batch_size": None, "ragged": True}, "ragged"),
        ({"epoch": -1}, "epoch"),
        ({"epochs": 0}, "epochs"),
        ({"start_step": 5}, "start_step"),
        ({"max_boxes": 0}, "max_boxes"),
        ({"max_boxes": 2}, "max_boxes"),
        ({"augment": HorizontalFlip}, "ops"),
        ({"augment": ssd}, "ops"),
        ({"augment": lambda image: image}, "ops"),
        ({"augment": "sdd"}, "augment"),
        ({"policy": {}}, "policy"),
        ({"shard": 5}, "shard"),
        ({"shard": (2, 2)}, "shard"),
        ({"seed": None}, "seed"),
        ({"epoch": "a"}, "epoch"),
        ({"batch_size": 4.0}, "batch_size"),
        ({"num_parallel_calls": 0}, "num_parallel_calls"),
        ({"num_parallel_calls": None}, "num_parallel_calls"),
        ({"image_size": "300"}, "image_size"),
    ],
)
def test_options_that_make_no_sense_are_named(converted: Path, options: dict[str, Any], field: str) -> None:
    arguments: dict[str, Any] = {"split": "train", "image_size": SIZE, "batch_size": 5} | options
    with pytest.raises(OptionError) as caught:
        make_dataset(converted, **arguments)
    assert caught.value.field == field


def test_how_pixels_are_resampled(converted: Path) -> None:
    """As TensorFlow's function for images does it, on a size at which no JPEG is decoded smaller."""
    options: dict[str, Any] = {"split": "val", "batch_size": 1, "shuffle": False, "image_size": 64}
    (name,) = next(iter(make_dataset(converted, **options)))["image_id"].numpy()
    original = explain(make_dataset(converted, **options), name.decode()).original
    size = options["image_size"] = (original.shape[0] * 3 // 5, original.shape[1] * 3 // 5)
    pictures = []
    for given, method, antialias in (
        ({}, "bilinear", False),
        ({"antialias": True}, "bilinear", True),
        ({"interpolation": "nearest"}, "nearest", False),
    ):
        pictures.append(next(iter(make_dataset(converted, **options, **given)))["images"][0].numpy())
        expected = tf.image.resize(original, size, method=method, antialias=antialias).numpy()
        assert np.abs(pictures[-1] - expected).max() <= 0.51, given
    assert all((pictures[0] != other).any() for other in pictures[1:])


def test_numbers_of_numpy_and_names_of_presets_are_taken(converted: Path) -> None:
    options: dict[str, Any] = {"image_size": np.int64(40), "batch_size": np.int32(5), "augment": "light"}
    dataset = make_dataset(converted, split="train", **options)
    assert dataset.element_spec["images"].shape[1:] == (40, 40, 3)


def test_a_folder_that_is_not_what_its_manifest_says(converted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(converted, folder)

    def problem() -> AnnotoolsError:
        with pytest.raises(AnnotoolsError) as caught:
            make_dataset(folder, split="train", image_size=SIZE, batch_size=5)
        return caught.value

    shard = next(folder.glob("train-*"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert isinstance(problem(), RecordError)
    assert problem().path == str(shard)
    shard.unlink()
    assert "no file" in str(problem())
    (folder / "manifest.json").unlink()
    (folder / ".annotools").mkdir(exist_ok=True)
    assert isinstance(problem(), OutputError)
    assert "did not finish" in str(problem())


def test_a_damaged_record_stops_the_epoch(converted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(converted, folder)
    shard = next(folder.glob("val-*"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(tf.errors.DataLossError):
        list(make_dataset(folder, split="val", image_size=SIZE, batch_size=2))


def test_a_rotation_of_a_whole_batch_survives_the_optimizer(converted: Path) -> None:
    # sums of slices with new axes went wrong there: [4, 4, 4, 2] in place of [4, 1, 4, 2]
    dataset = make_dataset(
        converted, split="train", image_size=(40, 52), batch_size=4, augment=[Rotate(), ColorJitter()]
    )
    for batch in dataset:
        assert batch["bounding_boxes"]["boxes"].shape[0] == len(batch["images"])
