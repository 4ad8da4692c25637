"""The stream of the loader, image by image: needs TensorFlow, and depends on its version."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from net import Net, as_json, group

SIZE = 96


def record_streams(net: Net, sample: Path) -> None:
    import annotools
    from annotools.augment import PRESETS
    from annotools.loader import make_dataset

    where = group("tensorflow", "numpy")
    out = Path("streamed")
    annotools.convert(sample, out, to="tfrecord", shards=2)
    pickled = Path("streamed-pickle")
    annotools.convert(sample, pickled, to="pickle")

    def add(name: str, source: Any = out, **given: Any) -> None:
        options: dict[str, Any] = {"split": "train", "image_size": SIZE, "batch_size": 4} | given
        if net.wants(name):
            net.add(name, as_json(batches(make_dataset(source, **options))), where=where)

    for preset in sorted(PRESETS):
        for seed, epoch in ((0, 0), (7, 3)):
            add(
                f"stream/{preset}/seed-{seed}-epoch-{epoch}",
                augment=PRESETS[preset](),
                seed=seed,
                epoch=epoch,
            )
    ssd = PRESETS["ssd"]
    add("stream/start-step", augment=ssd(), seed=7, epoch=3, start_step=2)
    add("stream/epochs", augment=None, seed=1, epochs=2, drop_remainder=True)
    add("stream/plain", shuffle=False)
    add("stream/letterbox", shuffle=False, resize="letterbox", dtype="float32")
    add("stream/xywh", shuffle=False, box_format="xywh", max_boxes=4, overflow="drop_smallest")
    add("stream/shard", shard=(1, 3), batch_size=2)
    add("stream/source", sample, augment=PRESETS["light"](), seed=2)
    add("stream/pickle", pickled / "train.pkl", images=sample / "JPEGImages", split=None, shuffle=False)


def batches(dataset: Any) -> list[Any]:
    """Ids, boxes and labels as numbers; pixels as a digest of each batch."""
    found = []
    for batch in dataset:
        images = batch["images"].numpy()
        found.append(
            {
                "image_id": [name.decode() for name in batch["image_id"].numpy()],
                "num_boxes": batch["num_boxes"].numpy().tolist(),
                "boxes": batch["bounding_boxes"]["boxes"].numpy().tolist(),
                "labels": batch["bounding_boxes"]["labels"].numpy().tolist(),
                "pixels": [str(images.dtype), images.shape, hashlib.sha256(images.tobytes()).hexdigest()],
            }
        )
    return found
