"""What must not change a score: order, scale, place, names."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import annotools

Move = Callable[[tuple[float, ...]], tuple[float, ...]]
quick = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def scores(made: Any, folder: Path, **options: Any) -> tuple[Any, ...]:
    result = annotools.evaluate(made.save(folder / "truth.pkl"), made.detections(), **options)
    ap = {one.name: (one.voc07, one.voc10, *one.coco_by_iou) for one in result.classes}
    return {name: np.nan_to_num(row, nan=-1).tolist() for name, row in ap.items()}, result.errors


def moved(made: Any, move: Move) -> None:
    made.objects = {
        image: [(label, move(box), flag) for label, box, flag in rows] for image, rows in made.objects.items()
    }
    made.found = {
        image: [(label, move(box), score) for label, box, score in rows] for image, rows in made.found.items()
    }


@pytest.fixture
def small(random_scene: Any) -> Callable[[int], Any]:
    return lambda seed: random_scene(seed, images=8, classes=3)


@quick
@given(seed=st.integers(0, 10**6), shuffle=st.integers(0, 10**6))
def test_order_of_images_and_detections(small: Any, tmp_path: Path, seed: int, shuffle: int) -> None:
    made = small(seed)
    before = scores(made, tmp_path)
    mix = random.Random(shuffle)
    for table in (made.objects, made.found):
        items = list(table.items())
        mix.shuffle(items)
        table.clear()
        table.update(items)
    for found in made.found.values():
        mix.shuffle(found)  # their scores are distinct
    assert scores(made, tmp_path) == before


@quick
@given(
    seed=st.integers(0, 10**6), power=st.integers(-3, 4), x=st.integers(-500, 500), y=st.integers(-500, 500)
)
def test_scale_and_translation(small: Any, tmp_path: Path, seed: int, power: int, x: int, y: int) -> None:
    made = small(seed)
    before = scores(made, tmp_path)
    # powers of two and whole numbers are exact, so not one IoU changes its last bit
    moved(made, lambda box: tuple(edge * 2.0**power for edge in box))
    moved(made, lambda box: (box[0] + x, box[1] + y, box[2] + x, box[3] + y))
    assert scores(made, tmp_path) == before


@quick
@given(seed=st.integers(0, 10**6), order=st.permutations(range(5)))
def test_names_and_order_of_classes(small: Any, tmp_path: Path, seed: int, order: list[int]) -> None:
    made = small(seed)
    before, errors = scores(made, tmp_path)
    names = made.names
    made.names = tuple(names[order[label]] + "!" for label in range(5))
    for table in (made.objects, made.found):
        for image, rows in table.items():
            table[image] = [(order.index(label), *rest) for label, *rest in rows]
    after, errors_after = scores(made, tmp_path)
    assert {name.rstrip("!"): row for name, row in after.items()} == before
    assert errors_after == errors


@quick
@given(seed=st.integers(0, 10**6), factor=st.floats(0.1, 10), offset=st.floats(-5, 5))
def test_only_the_order_of_the_scores_matters(
    small: Any, tmp_path: Path, seed: int, factor: float, offset: float
) -> None:
    made = small(seed)
    before = scores(made, tmp_path)
    ranks = sorted(score for rows in made.found.values() for *_, score in rows)
    made.found = {
        image: [(label, box, offset + factor * ranks.index(score)) for label, box, score in rows]
        for image, rows in made.found.items()
    }
    assert scores(made, tmp_path) == before


@quick
@given(seed=st.integers(0, 10**6))
def test_one_more_wrong_detection_never_helps(small: Any, tmp_path: Path, seed: int) -> None:
    made = small(seed)
    before, _ = scores(made, tmp_path)
    image = next(iter(made.objects))
    made.found.setdefault(image, []).append((0, (900.0, 900.0, 910.0, 910.0), 2.0))
    after, _ = scores(made, tmp_path)
    assert all(new <= old for name in before for new, old in zip(after[name], before[name], strict=True))
