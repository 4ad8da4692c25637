"""What is said about false detections: each kind alone, and sums that leave nothing out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annotools

MakeScene = Callable[..., Any]
CUP, PEN = 0, 1
HERE, THERE = (0.0, 0.0, 40.0, 40.0), (100.0, 100.0, 140.0, 140.0)


def kinds(result: annotools.Evaluation) -> dict[str, int]:
    return {kind: count for kind, count in result.errors.items() if count}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([(CUP, HERE, 0.9), (PEN, THERE, 0.8)], {}),
        ([(CUP, HERE, 0.9), (PEN, THERE, 0.8), (PEN, THERE, 0.7)], {"duplicate": 1}),
        ([(CUP, HERE, 0.9), (CUP, THERE, 0.8)], {"class": 1, "missed": 1}),
        ([(CUP, HERE, 0.9), (PEN, (120.0, 100.0, 160.0, 140.0), 0.8)], {"localisation": 1, "missed": 1}),
        ([(CUP, HERE, 0.9), (PEN, (130.0, 134.0, 170.0, 174.0), 0.8)], {"background": 1, "missed": 1}),
        ([(CUP, HERE, 0.9)], {"missed": 1}),
        ([], {"missed": 2}),
        # less than 0.5 of its own class, all of another one: what it covers best decides
        ([(CUP, HERE, 0.9), (PEN, (4.0, 0.0, 44.0, 40.0), 0.8), (PEN, THERE, 0.7)], {"class": 1}),
    ],
)
def test_each_kind_alone(
    found: list[Any], expected: dict[str, int], new_scene: MakeScene, tmp_path: Path
) -> None:
    made = new_scene(("cup", "pen"), {"a": [(CUP, HERE, False), (PEN, THERE, False)]}, {"a": found})
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections())
    assert kinds(result) == expected


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("min_score", [None, 0.4])
def test_nothing_is_left_out_of_the_sums(
    seed: int, min_score: float | None, random_scene: MakeScene, tmp_path: Path
) -> None:
    made = random_scene(seed)
    path = made.save(tmp_path / "truth.pkl")
    result = annotools.evaluate(path, made.detections(), min_score=min_score)
    table = result.confusion
    for place, one in enumerate(result.classes):
        assert table[place].sum() == one.objects
        true = int(table[place, place])
        assert true + one.errors["missed"] == one.objects
        wrong = sum(count for kind, count in one.errors.items() if kind != "missed")
        assert table[:, place].sum() == true + wrong
        if min_score is None:
            assert true == one.true_positives
            assert one.detections == one.true_positives + wrong + one.ignored
    assert table[-1, -1] == 0
    assert sum(len(found) for found in made.found.values()) == result.detections


def test_min_score_is_as_if_the_others_were_not_there(random_scene: MakeScene, tmp_path: Path) -> None:
    made = random_scene(7)
    path = made.save(tmp_path / "truth.pkl")
    cut = annotools.evaluate(path, made.detections(), min_score=0.6)
    whole = annotools.evaluate(path, made.detections())
    made.found = {image: [one for one in found if one[2] >= 0.6] for image, found in made.found.items()}
    fewer = annotools.evaluate(path, made.detections())
    assert cut.errors == fewer.errors != whole.errors
    np.testing.assert_array_equal(cut.confusion, fewer.confusion)
    assert cut.forms == whole.forms


def test_confusion_gives_each_object_to_one_detection(new_scene: MakeScene, tmp_path: Path) -> None:
    made = new_scene(("cup", "pen"), {"a": [(CUP, HERE, False), (CUP, THERE, True)]})
    made.found["a"] = [(PEN, HERE, 0.9), (PEN, HERE, 0.8), (PEN, THERE, 0.7), (CUP, THERE, 0.6)]
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections())
    # the first pen takes the cup; the second and the one on the difficult cup take nothing
    assert result.confusion.tolist() == [[0, 1, 0], [0, 0, 0], [0, 2, 0]]
    assert result.unscored == ("pen",)


def test_a_second_detection_of_a_class_is_no_confusion(new_scene: MakeScene, tmp_path: Path) -> None:
    """By the devkit's rule it looks at the taken cup that it covers best, though another one is free."""
    near = (5.0, 0.0, 45.0, 40.0)
    made = new_scene(("cup",), {"a": [(CUP, HERE, False), (CUP, near, False)]})
    made.found["a"] = [(CUP, HERE, 0.9), (CUP, HERE, 0.8)]
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections())
    assert kinds(result) == {"duplicate": 1, "missed": 1}
    assert result.confusion.tolist() == [[1, 1], [1, 0]]
    assert result.forms["coco"] > result.forms["voc10"]  # COCO lets it go to its neighbour, up to IoU 0.75


def test_curve_and_best_f1(new_scene: MakeScene, tmp_path: Path) -> None:
    made = new_scene(("cup",), {"a": [(CUP, HERE, False), (CUP, THERE, False)]})
    made.found["a"] = [(CUP, HERE, 0.9), (CUP, (60.0, 0.0, 80.0, 20.0), 0.8), (CUP, THERE, 0.7)]
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections())
    curve = result.curves["cup"]
    assert curve.scores.tolist() == [0.9, 0.8, 0.7]
    assert curve.recall.tolist() == [0.5, 0.5, 1.0]
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3])
    np.testing.assert_allclose(curve.envelope, [1, 2 / 3, 2 / 3])
    np.testing.assert_allclose(curve.best_f1(), (0.8, 0.7))
    shown = curve.at_recalls()
    assert shown["precision"][50:52] == [1.0, pytest.approx(2 / 3)]
    assert shown["score"][50:52] == [0.9, 0.7]


def test_best_f1_keeps_or_drops_equal_scores_together(new_scene: MakeScene, tmp_path: Path) -> None:
    made = new_scene(("cup",), {"a": [(CUP, HERE, False)]})
    made.found["a"] = [(CUP, HERE, 0.5), (CUP, THERE, 0.5)]
    result = annotools.evaluate(made.save(tmp_path / "truth.pkl"), made.detections())
    np.testing.assert_allclose(result.curves["cup"].best_f1(), (2 / 3, 0.5))
