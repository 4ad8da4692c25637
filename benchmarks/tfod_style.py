"""VOC to TFRecord the way the scripts of the TF Object Detection API do it, for today's TensorFlow.

    python benchmarks/tfod_style.py SOURCE OUTPUT [PART PARTS]

ElementTree, Pillow to open the image, sha256, a tf.train.Example from a dict of features, and
tf.io.TFRecordWriter. Written for comparison: it checks no more than those scripts do.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import xml.etree.ElementTree as ET

import tensorflow as tf
from PIL import Image


def int64_feature(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def float_feature(values: list[float]) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def bytes_feature(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def example(root: ET.Element, encoded: bytes, ids: dict[str, int]) -> tf.train.Example:
    image = Image.open(io.BytesIO(encoded))
    if image.format != "JPEG":
        raise ValueError("image is not a JPEG")
    width, height = image.size
    filename = root.findtext("filename", "").encode()
    corners: dict[str, list[float]] = {"xmin": [], "ymin": [], "xmax": [], "ymax": []}
    labels, names, difficult, truncated, views = [], [], [], [], []
    for item in root.findall("object"):
        name = item.findtext("name", "")
        for tag, values in corners.items():
            extent = width if tag[0] == "x" else height
            values.append(float(item.findtext(f"bndbox/{tag}", "")) / extent)
        names.append(name.encode())
        labels.append(ids[name])
        difficult.append(int(item.findtext("difficult", "0")))
        truncated.append(int(item.findtext("truncated", "0")))
        views.append(item.findtext("pose", "").encode())
    feature = {
        "image/height": int64_feature([height]),
        "image/width": int64_feature([width]),
        "image/filename": bytes_feature([filename]),
        "image/source_id": bytes_feature([filename]),
        "image/key/sha256": bytes_feature([hashlib.sha256(encoded).hexdigest().encode()]),
        "image/encoded": bytes_feature([encoded]),
        "image/format": bytes_feature([b"jpeg"]),
        "image/object/class/text": bytes_feature(names),
        "image/object/class/label": int64_feature(labels),
        "image/object/difficult": int64_feature(difficult),
        "image/object/truncated": int64_feature(truncated),
        "image/object/view": bytes_feature(views),
        **{f"image/object/bbox/{tag}": float_feature(values) for tag, values in corners.items()},
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))


def main(source: str, output: str, part: str = "0", parts: str = "1") -> None:
    with open(os.path.join(source, "classes.txt"), encoding="utf-8") as file:
        ids = {name: i for i, name in enumerate(file.read().split(), start=1)}
    with open(os.path.join(source, "ImageSets", "Main", "train.txt"), encoding="utf-8") as file:
        stems = file.read().split()[int(part) :: int(parts)]
    with tf.io.TFRecordWriter(output) as writer:
        for stem in stems:
            with open(os.path.join(source, "Annotations", f"{stem}.xml"), "rb") as xml:
                root = ET.fromstring(xml.read())
            with open(os.path.join(source, "JPEGImages", f"{stem}.jpg"), "rb") as image:
                writer.write(example(root, image.read(), ids).SerializeToString())


if __name__ == "__main__":
    main(*sys.argv[1:])
