"""The records in PyTorch's own DataLoader, without TensorFlow: shuffled, in processes, with SSD's targets.

    python examples/torch_loader/train.py [SOURCE] [--short] [--replicas 2 --rank 0]

`Records` is map-style (`len`, `[i]`), so DataLoader, samplers and DistributedSampler do the rest; it holds no
open file and pickles to a few bytes a record, so workers may be forked or spawned. Labels of records start at
1, as torchvision's detectors want them (0 is background); `SSDTargets` counts from 0. PyTorch has to be
installed; where torchvision can be imported, its Faster R-CNN takes one step too.
"""

from __future__ import annotations

import argparse
import io
from typing import Any

import numpy as np
from PIL import Image

from annotools.formats.tfrecord import Records
from annotools.records import Example
from annotools.targets import SSD300_VOC, SSDTargets

SIZE = 300
TARGETS = SSDTargets(SSD300_VOC)


class Shelves:
    """A map-style data set: (image (3, 300, 300) float32 from 0 to 1, what a detector needs), in NumPy."""

    def __init__(self, source: str, split: str) -> None:
        self.records = Records(source, split)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> tuple[Any, dict[str, Any]]:
        return prepare(self.records[index])


def prepare(example: Example) -> tuple[Any, dict[str, Any]]:
    picture = Image.open(io.BytesIO(example.encoded)).convert("RGB").resize((SIZE, SIZE))
    image = np.asarray(picture, np.float32).transpose(2, 0, 1) / 255
    boxes = np.array(example.boxes, np.float32).reshape(-1, 4)
    boxes *= np.array([SIZE / example.width, SIZE / example.height] * 2, np.float32)
    labels = np.array(example.labels, np.int64)
    wanted = TARGETS.for_image(boxes, labels - 1, (SIZE, SIZE))
    return image, {"boxes": boxes, "labels": labels, "offsets": wanted["boxes"], "classes": wanted["labels"]}


def collate(samples: list[tuple[Any, dict[str, Any]]]) -> tuple[Any, list[dict[str, Any]]]:
    """(B, 3, 300, 300) and, for the numbers of boxes differ, a list of dicts, as torchvision takes them."""
    import torch

    images = torch.stack([torch.from_numpy(image) for image, _ in samples])
    return images, [{key: torch.from_numpy(part) for key, part in wanted.items()} for _, wanted in samples]


def main() -> None:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("source", nargs="?", default="demo_output/tfrecord", help="an output of convert")
    parser.add_argument("--short", action="store_true", help="one step, no processes")
    parser.add_argument("--replicas", type=int, default=1, help="how many programs share an epoch")
    parser.add_argument("--rank", type=int, default=0, help="which of them this one is")
    options = parser.parse_args()
    import torch

    shelves: Any = Shelves(options.source, "train")
    loader = torch.utils.data.DataLoader(
        shelves,
        batch_size=4,
        sampler=torch.utils.data.DistributedSampler(shelves, options.replicas, options.rank, seed=0),
        num_workers=0 if options.short else 2,
        collate_fn=collate,
    )
    loader.sampler.set_epoch(0)  # before each epoch, or every epoch has the first one's order
    seen = 0
    for images, wanted in loader:
        classes = torch.stack([each["classes"] for each in wanted])
        seen += len(images)
        print(f"{tuple(images.shape)}, {int((classes >= 0).sum())} priors have an object")
        if options.short:
            break
    print(f"{seen} pictures")
    try:
        from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn
    except (ImportError, RuntimeError) as error:  # another build than PyTorch's: operators do not exist
        print(f"torchvision is not there: {error}")
        return
    model = fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None, num_classes=9)
    losses = model(list(images), [{key: each[key] for key in ("boxes", "labels")} for each in wanted])
    sum(losses.values()).backward()
    print({name: round(value.item(), 3) for name, value in losses.items()})


if __name__ == "__main__":
    main()
