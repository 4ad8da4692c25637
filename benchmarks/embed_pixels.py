"""VOC to a file with the pixels in it, by libraries that have one: the obvious loop, with ElementTree.

    python benchmarks/embed_pixels.py tfrecord|webdataset|array_record|parquet SOURCE OUTPUT

Runs in the environment of the library (benchmarks/peers.py), with its fastest settings. Nothing is checked,
no image is opened: width and height are those of `<size>`.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

CORNERS = ("xmin", "ymin", "xmax", "ymax")


def samples(source: str) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """(stem, what the XML says, the image file) of each image."""
    with open(os.path.join(source, "ImageSets", "Main", "train.txt"), encoding="utf-8") as file:
        stems = file.read().split()
    for stem in stems:
        with open(os.path.join(source, "Annotations", f"{stem}.xml"), "rb") as xml:
            root = ET.fromstring(xml.read())
        with open(os.path.join(source, "JPEGImages", f"{stem}.jpg"), "rb") as image:
            encoded = image.read()
        objects: list[ET.Element] = root.findall("object")
        said: dict[str, Any] = {
            "filename": root.findtext("filename", ""),
            "width": int(root.findtext("size/width", "0")),
            "height": int(root.findtext("size/height", "0")),
            "names": [one.findtext("name", "") for one in objects],
            "poses": [one.findtext("pose", "") for one in objects],
            "difficult": [int(one.findtext("difficult", "0")) for one in objects],
            "truncated": [int(one.findtext("truncated", "0")) for one in objects],
            "boxes": [[float(one.findtext(f"bndbox/{tag}", "")) for tag in CORNERS] for one in objects],
        }
        yield stem, said, encoded


def ids(source: str) -> dict[str, int]:
    with open(os.path.join(source, "classes.txt"), encoding="utf-8") as file:
        return {name: number for number, name in enumerate(file.read().split(), start=1)}


def to_tfrecord(source: str, output: str) -> None:
    """The keys of the TF Object Detection API."""
    import tfrecord

    classes = ids(source)
    writer = tfrecord.TFRecordWriter(output)
    for _, said, encoded in samples(source):
        width, height, name = said["width"], said["height"], said["filename"].encode()
        extents = (width, height, width, height)
        corners = {
            f"image/object/bbox/{tag}": ([box[place] / extents[place] for box in said["boxes"]], "float")
            for place, tag in enumerate(CORNERS)
        }
        writer.write(
            {
                "image/height": (height, "int"),
                "image/width": (width, "int"),
                "image/filename": (name, "byte"),
                "image/source_id": (name, "byte"),
                "image/key/sha256": (hashlib.sha256(encoded).hexdigest().encode(), "byte"),
                "image/encoded": (encoded, "byte"),
                "image/format": (b"jpeg", "byte"),
                "image/object/class/text": ([one.encode() for one in said["names"]], "byte"),
                "image/object/class/label": ([classes[one] for one in said["names"]], "int"),
                "image/object/difficult": (said["difficult"], "int"),
                "image/object/truncated": (said["truncated"], "int"),
                "image/object/view": ([one.encode() for one in said["poses"]], "byte"),
                **corners,
            }
        )
    writer.close()


def to_webdataset(source: str, output: str) -> None:
    """A tar with a JPEG and a JSON for each image."""
    import webdataset

    with webdataset.TarWriter(output, encoder=False) as writer:
        for stem, said, encoded in samples(source):
            writer.write({"__key__": stem, "jpg": encoded, "json": json.dumps(said).encode()})


def to_array_record(source: str, output: str) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    writer = ArrayRecordWriter(output, "group_size:1,uncompressed")
    for _, said, encoded in samples(source):
        writer.write(pickle.dumps({**said, "encoded": encoded}))
    writer.close()


def to_parquet(source: str, output: str) -> None:
    """Columns as Hugging Face's datasets has them for images and lists of objects; not compressed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    lists = {"bbox": pa.list_(pa.list_(pa.float32())), "category": pa.list_(pa.string())}
    flags = {
        "difficult": pa.list_(pa.int64()),
        "truncated": pa.list_(pa.int64()),
        "pose": pa.list_(pa.string()),
    }
    schema = pa.schema(
        {
            "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
            "width": pa.int64(),
            "height": pa.int64(),
            "objects": pa.struct({**lists, **flags}),
        }
    )
    with pq.ParquetWriter(output, schema, compression="none", use_dictionary=False) as writer:
        rows: list[dict[str, Any]] = []

        def flush() -> None:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            rows.clear()

        for _, said, encoded in samples(source):
            objects = {"bbox": said["boxes"], "category": said["names"], "pose": said["poses"]}
            objects |= {"difficult": said["difficult"], "truncated": said["truncated"]}
            image = {"bytes": encoded, "path": said["filename"]}
            rows.append(
                {"image": image, "width": said["width"], "height": said["height"], "objects": objects}
            )
            if len(rows) == 100:
                flush()
        flush()


WRITERS = {
    "tfrecord": to_tfrecord,
    "webdataset": to_webdataset,
    "array_record": to_array_record,
    "parquet": to_parquet,
}

if __name__ == "__main__":
    WRITERS[sys.argv[1]](*sys.argv[2:])
