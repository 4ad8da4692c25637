"""The same shards, order and augmentation in a PyTorch loop: `ds.as_numpy_iterator()` is all there is to it.

    python examples/pytorch_loop.py [SHARDS]

TensorFlow only reads and augments here, on the CPU; the GPU is hidden from it and left to PyTorch.
"""

from __future__ import annotations

import argparse

import tensorflow as tf
import torch

from annotools.augment import light
from annotools.loader import make_dataset


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "shards", nargs="?", default="demo_output/tfrecord", help="what `annotools convert` wrote"
    )
    options = parser.parse_args()
    tf.config.set_visible_devices([], "GPU")

    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(3, 16, 5, stride=4), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1)]
    model = torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(3):
        ds = make_dataset(
            options.shards, split="train", image_size=160, batch_size=8, augment=light(), seed=0, epoch=epoch
        )
        total = 0.0
        for batch in ds.as_numpy_iterator():
            # `tensor` copies, because the arrays of tf.data are read-only; channels first is PyTorch's order
            images = torch.tensor(batch["images"]).permute(0, 3, 1, 2).float() / 255
            # for torchvision's detectors: [{"boxes": xyxy of image i, "labels": ids from 1}, ...]
            detection = [
                {
                    "boxes": torch.tensor(boxes[:count]),
                    "labels": torch.tensor(labels[:count]).long() + 1,
                }
                for boxes, labels, count in zip(
                    batch["bounding_boxes"]["boxes"],
                    batch["bounding_boxes"]["labels"],
                    batch["num_boxes"],
                    strict=True,
                )
            ]
            counts = torch.tensor([len(one["labels"]) for one in detection]).float()
            loss = torch.nn.functional.smooth_l1_loss(model(images)[:, 0], counts)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: loss {total:.2f} (guessing how many objects a picture has)")


if __name__ == "__main__":
    main()
