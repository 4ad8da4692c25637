"""docs/albumentations.md: every line of ours is executed, and keeps boxes and labels together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from annotools import augment as a

PAGE = (Path(__file__).parents[2] / "docs" / "albumentations.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
IMAGE = np.random.default_rng(0).integers(0, 256, (240, 320, 3)).astype(np.uint8)
BOXES, LABELS = [[20, 30, 200, 210], [150, 40, 300, 160]], [3, 5]


def invert(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return 255 - pixels


NAMES: dict[str, Any] = {name: getattr(a, name) for name in vars(a)["__all__"]} | {"invert": invert}


def rows(section: str) -> list[tuple[str, str]]:
    """The first two cells of each row of a section's first table."""
    _, *parts = SECTION.split(PAGE)
    text = dict(zip(parts[::2], parts[1::2], strict=True))[section].strip().split("\n\n")[0]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in text.splitlines()]
    return [(one[0].strip(" `"), one[1].strip(" `")) for one in cells[2:]]


OPS, POLICIES = dict(rows("Ops")), dict(rows("BboxParams"))


def test_the_page_is_read() -> None:
    assert len(OPS) >= 40
    assert len(POLICIES) == 7
    assert OPS["A.HorizontalFlip(p=0.5)"] == "HorizontalFlip(0.5)"


@pytest.mark.parametrize("theirs", OPS)
def test_every_op_of_the_page(theirs: str) -> None:
    found = eval(f"({OPS[theirs]},)", dict(NAMES))  # noqa: S307 (a page of this repository)
    ops = found[0] if isinstance(found[0], tuple) else found
    partner = a.make_sample(IMAGE, BOXES, LABELS)
    for example in range(2):
        options: Any = {"image_size": (300, 300), "example_id": example}
        made = a.apply(ops, IMAGE, BOXES, LABELS, partner=lambda k, seed: partner, **options)
        assert made.image.shape == (300, 300, 3)
        boxes, labels = made.boxes.numpy(), made.labels.numpy()
        assert len(boxes) == len(labels)
        assert set(labels) <= {3, 5}
        assert ((boxes >= 0) & (boxes <= 300)).all()
        if "Crop" not in OPS[theirs] and "Mosaic" not in OPS[theirs] and "Erase" not in OPS[theirs]:
            assert labels.tolist() == LABELS


@pytest.mark.parametrize("theirs", POLICIES)
def test_every_policy_of_the_page(theirs: str) -> None:
    policy = eval(POLICIES[theirs], dict(NAMES))  # noqa: S307
    assert isinstance(policy, a.BoxPolicy)
    assert len(a.apply([], IMAGE, BOXES, LABELS, policy=policy).boxes) == 2


def test_the_blocks_of_the_page() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {"image": IMAGE, "boxes": BOXES, "labels": LABELS}
    for block in blocks:
        exec(block, names)
    assert names["found"].image.shape == (300, 300, 3)
    assert names["pipeline"].policy == a.BoxPolicy(min_area=16, min_visibility=0.1)
