"""VOC to TFRecord by the builder that TensorFlow Datasets has for it, from a folder instead of a download.

    python benchmarks/tfds_voc.py SOURCE OUTPUT

Runs in an environment with tensorflow-datasets (benchmarks/peers.py). Only where the data comes from is ours.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.object_detection import voc

SOURCE, OUTPUT = Path(sys.argv[1]).resolve(), sys.argv[2]


def one_split(_: voc.Voc, dl_manager: Any) -> list[Any]:
    """Instead of VOC2007's download: the split train of `<data_path>/VOCdevkit/VOC2007`."""
    return [tfds.core.SplitGenerator(name="train", gen_kwargs={"data_path": DEVKIT, "set_name": "train"})]


with tempfile.TemporaryDirectory() as DEVKIT:
    (Path(DEVKIT) / "VOCdevkit").mkdir()
    (Path(DEVKIT) / "VOCdevkit" / "VOC2007").symlink_to(SOURCE)
    voc.Voc._split_generators = one_split
    voc.Voc(config="2007", data_dir=OUTPUT).download_and_prepare()
