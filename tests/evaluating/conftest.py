"""Random data sets with everything that makes scoring hard, the same ones on every machine and NumPy."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from annotools.classes.class_map import ClassMap
from annotools.formats import pkl
from annotools.records import Annotation, Box, Object

Edges = tuple[float, float, float, float]


@dataclass
class Scene:
    """objects: {image: [(class position, box, difficult)]}; found: {image: [(class position, box, score)]}"""

    names: tuple[str, ...]
    objects: dict[str, list[tuple[int, Edges, bool]]] = field(default_factory=dict)
    found: dict[str, list[tuple[int, Edges, float]]] = field(default_factory=dict)

    def save(self, path: Path) -> Path:
        """A pickle of annotools with the objects, in a split called test."""
        annotations = (
            Annotation(
                filename=f"{image}.jpg",
                split="test",
                objects=tuple(
                    Object(self.names[label], Box(*box), difficult=difficult)
                    for label, box, difficult in objects
                ),
            )
            for image, objects in self.objects.items()
        )
        pkl.write(annotations, path, classes=ClassMap.from_names(self.names))
        return path

    def detections(self) -> dict[str, tuple[list[Edges], list[float], list[int]]]:
        """What `evaluate` takes."""
        return {
            image: (
                [box for _, box, _ in found],
                [score for _, _, score in found],
                [label for label, _, _ in found],
            )
            for image, found in self.found.items()
        }


def make_scene(
    seed: int,
    *,
    images: int = 60,
    classes: int = 4,
    difficult: float = 0.2,
    ties: bool = False,
    crowded: bool = False,
) -> Scene:
    """`classes` with objects, then one that is detected only and one that is nowhere.

    Some images have no objects, some no detections. Edges are eighths of pixels, so that widths are exact.
    In a `crowded` set objects cover each other, and some have the very same box.
    """
    draw = random.Random(seed).random  # the one method whose numbers Python promises to keep
    scene = Scene(tuple(f"class {position}" for position in range(classes + 2)))

    def number(low: float, high: float) -> float:
        return round((low + (high - low) * draw()) * 8) / 8

    def box() -> Edges:
        x, y = number(0, 150), number(0, 150)
        return x, y, x + number(4, 60), y + number(4, 60)

    def near(edges: Edges, share: float) -> Edges:
        width, height = edges[2] - edges[0], edges[3] - edges[1]
        x1, y1, x2, y2 = (
            edge + number(-share, share) * size
            for edge, size in zip(edges, (width, height, width, height), strict=True)
        )
        x1, y1, x2, y2 = (round(edge * 8) / 8 for edge in (x1, y1, x2, y2))
        return x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)

    def score() -> float:
        return round(draw(), 1) if ties else draw()

    for place in range(images):
        image = f"{place:06}"
        objects = [
            (int(draw() * classes), box(), draw() < difficult)
            for _ in range(0 if draw() < 0.1 else int(draw() * 7))
        ]
        if crowded:
            objects += [
                (label, edges if draw() < 0.3 else near(edges, 0.15), draw() < difficult)
                for label, edges, _ in objects
            ]
        found = []
        for label, edges, _ in objects:
            if draw() < 0.75:
                found.append(
                    (label if draw() < 0.9 else int(draw() * (classes + 1)), near(edges, 0.25), score())
                )
            if draw() < 0.3:
                found.append((label, near(edges, 0.4), score()))
        found += [(int(draw() * (classes + 1)), box(), score()) for _ in range(int(draw() * 4))]
        scene.objects[image] = objects
        if draw() < 0.9:
            scene.found[image] = found
    return scene


@pytest.fixture
def random_scene() -> Callable[..., Scene]:
    return make_scene


@pytest.fixture
def new_scene() -> type[Scene]:
    return Scene
