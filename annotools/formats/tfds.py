"""What makes a folder of TFRecord shards open with `tfds.builder_from_directory`, written without TFDS.

The features are those of tensorflow_datasets' own `voc`, so code that trains on `tfds.load("voc")` trains on
this. One thing differs on purpose: class names and file names stay as they are, where TFDS lower-cases the
former and appends .jpg to the latter. A pose that is none of its five becomes `unspecified`; occluded, sha256
and source_id have no place in it.

Records: schemas/tf_example.json, dialect `tfds`. Metadata:
https://github.com/tensorflow/datasets/blob/master/docs/external_tfrecord.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annotools import schema
from annotools.errors import ImageError, OptionError, OutputError, RecordError
from annotools.formats.example import wire
from annotools.records import Example, outside

if TYPE_CHECKING:
    from annotools.classes.class_map import ClassMap

NAME: Final = "annotools"
VERSION: Final = "1.0.0"

_KEYS: Final[Mapping[str, Any]] = schema.load("tf_example.json")["dialects"]["tfds"]["keys"]
_IMAGE_KEY: Final = "image"
_POSES: Final[Sequence[str]] = _KEYS["objects/pose"]["values"]
_POSE_IDS: Final = {pose: index for index, pose in enumerate(_POSES)}
_UNSPECIFIED: Final = _POSE_IDS["unspecified"]
_WRITERS: Final = {
    key: wire.entry_writer(key, row["kind"], row["length"])
    for key, row in sorted(_KEYS.items())
    if key != _IMAGE_KEY
}
_around_image: Final = wire.blob_writer(_IMAGE_KEY)

# The files from which TFDS takes the names of a ClassLabel, by the path of the feature.
_CLASS_FILES: Final = ("objects-label", "labels", "labels_no_difficult")
_POSE_FILE: Final = "objects-pose"

_FRAMING: Final = 16  # bytes of TFRecord around each record, which TFDS does not count


def encode(example: Example, classes: ClassMap) -> tuple[bytes, bytes]:
    """(head, tail) such that head + example.encoded + tail is the record that TFDS would write.

    Labels are the positions of the class names in `classes`, from 0. Boxes are ymin, xmin, ymax, xmax,
    divided by the size of the image.

    RecordError for a box that TFDS would refuse: outside the image, if only by 1e-16 of it, or with its
    corners exchanged. ImageError for an image that TFDS could not decode, see `check_format`.
    """
    check_format(example)
    width, height = example.width, example.height
    if width < 1 or height < 1:
        raise RecordError("the image has no size", path=example.filename, found=(width, height))
    for place in outside(example.boxes, width, height):
        raise RecordError(
            "tensorflow_datasets has no boxes outside the image",
            path=example.filename,
            found=example.boxes[place],
            expected=f"0 <= min <= max <= {width}, {height}",
        )
    bbox = [
        share
        for xmin, ymin, xmax, ymax in example.boxes
        for share in (ymin / height, xmin / width, ymax / height, xmax / width)
    ]
    labels = tuple([classes.index(name, path=example.filename) for name in example.names])
    values = {
        "image/filename": example.filename,
        "labels": tuple(sorted(set(labels))),
        "labels_no_difficult": tuple(
            sorted({label for label, hard in zip(labels, example.difficult, strict=True) if not hard})
        ),
        "objects/bbox": bbox,
        "objects/is_difficult": example.difficult,
        "objects/is_truncated": example.truncated,
        "objects/label": labels,
        "objects/pose": tuple([_POSE_IDS.get(pose.lower(), _UNSPECIFIED) for pose in example.poses]),
    }
    try:
        after = b"".join([write(values[key]) for key, write in _WRITERS.items()])
    except UnicodeEncodeError as error:
        raise RecordError(f"cannot be written as a tf.Example: {error}", path=example.filename) from None
    return _around_image(len(example.encoded), b"", after)


def check_format(example: Example) -> None:
    """Raise ImageError unless TFDS can decode the image.

    It decodes into (height, width, 3), which JPEG and PNG of any kind fit, and BMP of 24 or 32 bits. GIF and
    WebP come out of `tf.image.decode_image` as animations, of rank 4, and a BMP with a palette comes out as
    the wrong pixels (TensorFlow 2.21).
    """
    form = example.format
    if form == "bmp" and int.from_bytes(example.encoded[28:30], "little") in (24, 32):
        return
    if form not in ("jpeg", "png"):
        raise ImageError(
            "tensorflow_datasets cannot decode this image",
            path=example.filename,
            field="format",
            found=form,
            expected="jpeg, png, or bmp of 24 or 32 bits",
        )


def shard_name(split: str, index: int, count: int, *, name: str = NAME) -> str:
    """`annotools-train.tfrecord-00000-of-00004`."""
    return f"{name}-{split}.tfrecord-{index:05}-of-{count:05}"


def write_metadata(
    folder: str | Path,
    *,
    classes: ClassMap,
    splits: Mapping[str, Sequence[tuple[int, int]]],
    name: str = NAME,
    version: str = VERSION,
    description: str = "Pascal VOC annotations, converted by annotools.",
) -> None:
    """Write dataset_info.json, features.json and the label files beside the shards.

    splits   for each split, (records, bytes of the file) of its shards, in order; TFDS lists a split without
             records but refuses to read it
    name     as in `shard_name`: a letter, then letters, digits and underscores

    OptionError for a name, version, split or class name that TFDS could not read back.
    """
    _check("name", name, r"[a-zA-Z]\w*", "a letter, then letters, digits and underscores")
    _check("version", version, r"\d+\.\d+\.\d+", "such as 1.0.0")
    for split in splits:
        _check("split", split, r"[\w-]*[^\W_][\w-]*", "letters, digits, underscores and hyphens")
    for class_name in classes.names:
        # TFDS strips each line of a label file and leaves out empty ones.
        _check("classes", class_name, r"[^\s](?:[^\r\n]*[^\s])?", "a name on one line, without outer blanks")
    info = {
        "description": description,
        "fileFormat": "tfrecord",
        "name": name,
        "splits": [
            {
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "name": split,
                "numBytes": str(sum(size - _FRAMING * records for records, size in files)),
                "shardLengths": [str(records) for records, _ in files],
            }
            for split, files in sorted(splits.items())
        ],
        "version": version,
    }
    texts = {
        "dataset_info.json": json.dumps(info, indent=2, ensure_ascii=False) + "\n",
        "features.json": json.dumps(_features(len(classes)), indent=2) + "\n",
        f"{_POSE_FILE}.labels.txt": "\n".join(_POSES) + "\n",
    } | {f"{file}.labels.txt": "\n".join(classes.names) + "\n" for file in _CLASS_FILES}
    try:
        for file, text in texts.items():
            (Path(folder) / file).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror or error}", path=str(folder)) from error


def write_sidecars(
    folder: Path, splits: Mapping[str, Sequence[tuple[str, int, int]]], classes: ClassMap
) -> None:
    """`write_metadata` for (file, records, bytes) of each shard."""
    sizes = {split: [(records, size) for _, records, size in files] for split, files in splits.items()}
    write_metadata(folder, classes=classes, splits=sizes)


def _check(field: str, value: str, pattern: str, expected: str) -> None:
    if not re.fullmatch(pattern, value):
        raise OptionError(
            "tensorflow_datasets could not read it back", field=field, found=value, expected=expected
        )


def _features(class_count: int) -> dict[str, Any]:
    """features.json: the feature dict in TFDS's own serialisation."""
    label = _feature("class_label_feature.ClassLabel", classLabel={"numClasses": str(class_count)})
    pose = _feature("class_label_feature.ClassLabel", classLabel={"numClasses": str(len(_POSES))})
    flag = _feature("tensor_feature.Tensor", tensor={"dtype": "bool", "encoding": "none", "shape": {}})
    bbox = {"bboxFormat": "REL_YXYX", "dtype": "float32", "shape": {"dimensions": ["4"]}}
    return _dict(
        {
            "image": _feature(
                "image_feature.Image",
                image={"dtype": "uint8", "shape": {"dimensions": ["-1", "-1", "3"]}},
            ),
            "image/filename": _feature("text_feature.Text", text={}),
            "labels": _sequence(label),
            "labels_no_difficult": _sequence(label),
            "objects": _sequence(
                _dict(
                    {
                        "bbox": _feature("bounding_boxes.BBoxFeature", boundingBox=bbox),
                        "is_difficult": flag,
                        "is_truncated": flag,
                        "label": label,
                        "pose": pose,
                    }
                )
            ),
        }
    )


def _feature(python_class: str, **content: Any) -> dict[str, Any]:
    return {"pythonClassName": f"tensorflow_datasets.core.features.{python_class}", **content}


def _dict(features: Mapping[str, Any]) -> dict[str, Any]:
    return _feature("features_dict.FeaturesDict", featuresDict={"features": features})


def _sequence(feature: Mapping[str, Any]) -> dict[str, Any]:
    return _feature("sequence_feature.Sequence", sequence={"feature": feature, "length": "-1"})
