"""The two real data sets through every format, against oracles that are not ours: CSV files, TensorFlow,
tensorflow_datasets and a twenty-line ElementTree reading.
"""

from __future__ import annotations

import csv
import hashlib
import json
import pickle
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annotools
from annotools import schema
from annotools.conversion import manifest as manifests
from annotools.conversion.json_records import to_json

Box = tuple[str, str, float, float, float, float]  # file name, class, xmin, ymin, xmax, ymax


@pytest.fixture(scope="module")
def bccd_out(bccd: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    out = tmp_path_factory.mktemp("bccd") / "out"
    return annotools.convert(bccd / "BCCD", out, to="tfrecord", on_error="skip", shards=2), out


@pytest.fixture(scope="module")
def micro_out(microcontrollers: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    out = tmp_path_factory.mktemp("micro") / "out"
    classes = microcontrollers / "training" / "labelmap.pbtxt"
    return annotools.convert(microcontrollers / "images", out, to="tfrecord", classes=classes), out


def bccd_oracle(bccd: Path) -> Counter[Box]:
    with open(bccd / "test.csv", newline="") as rows:
        return Counter(
            (r["filename"], r["cell_type"], *_four(float(r[k]) for k in ("xmin", "ymin", "xmax", "ymax")))
            for r in csv.DictReader(rows)
        )


def micro_oracle(microcontrollers: Path, split: str) -> Counter[Box]:
    with open(microcontrollers / "images" / f"{split}_labels.csv", newline="") as rows:
        return Counter(
            (r["filename"], r["class"], *_four(float(r[k]) for k in ("xmin", "ymin", "xmax", "ymax")))
            for r in csv.DictReader(rows)
        )


def _four(values: Iterator[float]) -> tuple[float, float, float, float]:
    xmin, ymin, xmax, ymax = values
    return xmin, ymin, xmax, ymax


def with_tensorflow(out: Path, pattern: str) -> Iterator[dict[str, Any]]:
    """Records as the TF Object Detection API's TfExampleDecoder parses them."""
    import tensorflow as tf

    fixed = {
        "image/encoded": "",
        "image/format": "jpeg",
        "image/filename": "",
        "image/key/sha256": "",
        "image/source_id": "",
    }
    spec: dict[str, Any] = {k: tf.io.FixedLenFeature((), tf.string, v) for k, v in fixed.items()}
    spec |= {k: tf.io.FixedLenFeature((), tf.int64, 1) for k in ("image/height", "image/width")}
    spec |= {
        f"image/object/bbox/{k}": tf.io.VarLenFeature(tf.float32) for k in ("xmin", "xmax", "ymin", "ymax")
    }
    spec |= {
        f"image/object/{k}": tf.io.VarLenFeature(tf.int64)
        for k in ("class/label", "difficult", "is_crowd", "group_of")
    }
    spec |= {
        "image/object/class/text": tf.io.VarLenFeature(tf.string),
        "image/object/area": tf.io.VarLenFeature(tf.float32),
        "image/object/weight": tf.io.VarLenFeature(tf.float32),
    }
    files = sorted(str(p) for p in out.glob(pattern))
    for raw in tf.data.TFRecordDataset(files):
        example = tf.io.parse_single_example(raw, spec)
        yield {k: v.values.numpy() if hasattr(v, "values") else v.numpy() for k, v in example.items()}


def boxes_of(record: dict[str, Any]) -> Iterator[Box]:
    width, height = record["image/width"], record["image/height"]
    sides = [record[f"image/object/bbox/{k}"] for k in ("xmin", "ymin", "xmax", "ymax")]
    name = record["image/filename"].decode()
    for text, x0, y0, x1, y1 in zip(record["image/object/class/text"], *sides, strict=True):
        # whole pixels in the XML: float32 fractions come back within 1e-4 px of them
        scaled = [x0 * width, y0 * height, x1 * width, y1 * height]
        assert np.allclose(scaled, np.round(scaled), atol=1e-3)
        yield (name, text.decode(), *_four(float(v) for v in np.round(scaled)))


def test_bccd_boxes_equal_the_csv(bccd: Path, bccd_out: tuple[Any, Path]) -> None:
    result, out = bccd_out
    expected = bccd_oracle(bccd)
    zero_area = {box for box in expected if box[2] == box[4] or box[3] == box[5]}
    assert {box[0] for box in zero_area} == {"BloodImage_00338.jpg", "BloodImage_00343.jpg"}
    found = Counter(box for record in with_tensorflow(out, "*.tfrecord") for box in boxes_of(record))
    assert found == Counter({box: n for box, n in expected.items() if box not in zero_area})
    assert result.ledger.as_dict() == {
        "images": {"found": 364, "written": 364, "skipped": {}},
        "objects": {"found": 4888, "written": 4886, "dropped": {"box-zero-area": 2}},
    }


def test_bccd_splits_are_its_lists(bccd: Path, bccd_out: tuple[Any, Path]) -> None:
    _, out = bccd_out
    for split in ("train", "val", "test"):
        listed = (bccd / "BCCD" / "ImageSets" / "Main" / f"{split}.txt").read_text().split()
        found = [r["image/filename"].decode() for r in with_tensorflow(out, f"{split}-*.tfrecord")]
        assert sorted(found) == sorted(f"{stem}.jpg" for stem in listed)


def test_images_are_the_files_byte_for_byte(bccd: Path, bccd_out: tuple[Any, Path]) -> None:
    _, out = bccd_out
    seen = 0
    for record in with_tensorflow(out, "*.tfrecord"):
        original = (bccd / "BCCD" / "JPEGImages" / record["image/filename"].decode()).read_bytes()
        assert record["image/encoded"] == original
        assert record["image/key/sha256"].decode() == hashlib.sha256(original).hexdigest()
        seen += 1
    assert seen == 364


def test_microcontrollers_equal_both_csv_files(microcontrollers: Path, micro_out: tuple[Any, Path]) -> None:
    result, out = micro_out
    for split in ("train", "test"):
        records = list(with_tensorflow(out, f"{split}-*.tfrecord"))
        assert Counter(b for r in records for b in boxes_of(r)) == micro_oracle(microcontrollers, split)
        # ids as in the label map of the set, not in sorted order
        ids = {
            t.decode(): int(n)
            for r in records
            for t, n in zip(r["image/object/class/text"], r["image/object/class/label"], strict=True)
        }
        assert ids == {"Raspberry_Pi_3": 1, "Arduino_Nano": 2, "ESP8266": 3, "Heltec_ESP32_Lora": 4}
    assert result.ledger.as_dict() == {
        "images": {"found": 149, "written": 149, "skipped": {}},
        "objects": {"found": 177, "written": 177, "dropped": {}},
    }
    assert not [issue for issue in result.issues if issue.severity != "info"]


def test_the_manifest_tells_the_truth(bccd_out: tuple[Any, Path]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    result, out = bccd_out
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    jsonschema.validate(manifest, schema.load("manifest.schema.json"))
    assert manifest == result.manifest == to_json(manifests.read(out))
    for split in manifest["splits"].values():
        for shard in split["shards"]:
            data = (out / shard["file"]).read_bytes()
            assert len(data) == shard["bytes"]
            assert hashlib.sha256(data).hexdigest() == shard["sha256"]
    records = list(with_tensorflow(out, "train-*"))
    assert manifest["splits"]["train"]["records"] == len(records)
    assert manifest["splits"]["train"]["max_boxes"] == max(
        len(r["image/object/class/label"]) for r in records
    )
    files = {p.name for p in out.iterdir()}
    shards = {s["file"] for split in manifest["splits"].values() for s in split["shards"]}
    assert files == shards | {"manifest.json", "label_map.pbtxt", "index", ".annotools"}


def test_the_index_points_at_every_record(bccd_out: tuple[Any, Path]) -> None:
    import tensorflow as tf

    _, out = bccd_out
    for shard in sorted(out.glob("*.tfrecord")):
        offsets = np.fromfile(out / "index" / f"{shard.name}.u64", "<u8")
        whole = [r.numpy() for r in tf.data.TFRecordDataset(str(shard))]
        assert len(offsets) == len(whole)
        # a record takes 16 bytes more than its data: length, its CRC, and the CRC of the data
        assert offsets.tolist() == np.cumsum([0, *(len(r) + 16 for r in whole[:-1])]).tolist()


def elementtree_reading(root: Path, classes: list[str]) -> dict[str, np.ndarray[Any, Any]]:
    """What facts about ssd_keras ask of its pickle, read with nothing but the standard library."""
    answer = {}
    for xml in sorted((root / "Annotations").glob("*.xml")):
        tree = ET.parse(xml).getroot()
        width, height = (float(tree.findtext(f"size/{k}") or 0) for k in ("width", "height"))
        rows = []
        for obj in tree.findall("object"):
            x0, y0, x1, y1 = (
                float(obj.findtext(f"bndbox/{k}") or 0) for k in ("xmin", "ymin", "xmax", "ymax")
            )
            if x0 < x1 and y0 < y1:
                one_hot = [float(obj.findtext("name") == name) for name in classes]
                rows.append([x0 / width, y0 / height, x1 / width, y1 / height, *one_hot])
        answer[tree.findtext("filename") or ""] = np.array(rows).reshape(len(rows), 4 + len(classes))
    return answer


def test_the_ssd_pickle_equals_an_independent_reading(bccd: Path, tmp_path: Path) -> None:
    result = annotools.convert(bccd / "BCCD", tmp_path / "gt.pkl", to="ssd-pickle", on_error="skip")
    with open(tmp_path / "gt.pkl", "rb") as file:
        found = pickle.load(file)  # noqa: S301  # as the old stacks do
    expected = elementtree_reading(bccd / "BCCD", ["Platelets", "RBC", "WBC"])
    assert list(found) == sorted(expected)
    for key, array in expected.items():
        assert found[key].dtype == np.float64
        assert found[key].flags["C_CONTIGUOUS"]
        np.testing.assert_array_equal(found[key], array)
    assert (tmp_path / "gt.classes.txt").read_text().split() == ["Platelets", "RBC", "WBC"]
    assert result.ledger.objects.written == sum(len(a) for a in found.values()) == 4886


def test_our_pickle_gives_the_records_back(bccd: Path, tmp_path: Path) -> None:
    annotools.convert(bccd / "BCCD", tmp_path / "out", to="pickle", on_error="skip")
    read = list(annotools.read(tmp_path / "out" / "val.pkl"))
    listed = (bccd / "BCCD" / "ImageSets" / "Main" / "val.txt").read_text().split()
    assert [a.filename for a in read] == [f"{stem}.jpg" for stem in sorted(listed)]
    originals = list(annotools.read(bccd / "BCCD", split="val"))
    degenerate = {"BloodImage_00338.jpg", "BloodImage_00343.jpg"}
    assert [a for a in read if a.filename not in degenerate] == [
        a for a in originals if a.filename not in degenerate
    ]
    assert {a.split for a in read} == {"val"}
    assert all(a.image is not None and (a.image.width, a.image.height) == (640, 480) for a in read)


def test_tfds_opens_the_folder(bccd: Path, tmp_path: Path) -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    annotools.convert(bccd / "BCCD", tmp_path / "out", to="tfds", on_error="skip", split="val,test")
    builder = tfds.builder_from_directory(str(tmp_path / "out"))
    assert builder.info.splits["val"].num_examples == 87
    assert builder.info.splits["test"].num_examples == 72
    assert builder.info.features["objects"]["label"].names == ["Platelets", "RBC", "WBC"]
    expected = elementtree_reading(bccd / "BCCD", ["Platelets", "RBC", "WBC"])
    for example in builder.as_dataset(split="val").take(5).as_numpy_iterator():
        rows = expected[example["image/filename"].decode()]
        assert example["image"].shape == (480, 640, 3)
        np.testing.assert_allclose(example["objects"]["bbox"], rows[:, [1, 0, 3, 2]], atol=1e-6)
        np.testing.assert_array_equal(example["objects"]["label"], rows[:, 4:].argmax(1))
