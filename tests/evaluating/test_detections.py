"""Detections as arrays, as COCO results and as the devkit's text files; and each way to be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annotools
from annotools import AnnotoolsError

MakeScene = Callable[..., Any]


@pytest.fixture
def made(random_scene: MakeScene) -> Any:
    return random_scene(40, images=20)


@pytest.fixture
def truth(made: Any, tmp_path: Path) -> Path:
    return Path(made.save(tmp_path / "truth.pkl"))


def write_coco(made: Any, path: Path, *, numbers: bool = False) -> Path:
    """A results file; with `numbers` its ids are those of `instances.json`, which lists classes backwards."""
    numbers_of = {image: 1000 - place for place, image in enumerate(made.objects)}
    category_of = {name: 90 - place for place, name in enumerate(made.names)}
    instances = {
        "images": [
            {"id": number, "file_name": f"JPEGImages/{name}.jpg"} for name, number in numbers_of.items()
        ],
        "categories": [{"id": number, "name": name} for name, number in category_of.items()],
    }
    (path.parent / "instances.json").write_text(json.dumps(instances))
    results = [
        {
            "image_id": numbers_of[image] if numbers else image,
            "category_id": category_of[made.names[label]] if numbers else label + 1,
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": score,
        }
        for image, rows in made.found.items()
        for label, box, score in rows
    ]
    path.write_text(json.dumps(results))
    return path


def write_devkit(made: Any, folder: Path, split: str = "test") -> Path:
    """The devkit's numbers: pixels from 1, both ends included."""
    folder.mkdir(exist_ok=True)
    lines: dict[str, list[str]] = {}
    for image, rows in made.found.items():
        for label, (xmin, ymin, xmax, ymax), score in rows:
            text = f"{image} {score!r} {xmin + 1} {ymin + 1} {xmax} {ymax}\n"
            lines.setdefault(made.names[label], []).append(text)
    for name, content in lines.items():
        (folder / f"comp4_det_{split}_{name}.txt").write_text("".join(content))
    return folder


def test_each_form_of_detections_scores_the_same(made: Any, truth: Path, tmp_path: Path) -> None:
    expected = annotools.evaluate(truth, made.detections()).as_dict()
    arrays = {
        image.encode(): {
            "boxes": np.array(boxes, np.float64).reshape(-1, 4),
            "scores": np.array(scores),
            "labels": np.array(labels, np.float32),  # as tf.image.combined_non_max_suppression gives them
        }
        for image, (boxes, scores, labels) in made.detections().items()
    }
    assert annotools.evaluate(truth, arrays).as_dict() == expected
    assert annotools.evaluate(truth, write_coco(made, tmp_path / "a.json")).as_dict() == expected
    numbered = write_coco(made, tmp_path / "b.json", numbers=True)
    with_ids = annotools.evaluate(truth, numbered, instances=tmp_path / "instances.json")
    assert with_ids.as_dict() == expected
    devkit = annotools.evaluate(truth, write_devkit(made, tmp_path / "devkit"))
    assert devkit.as_dict() == expected | {"box_origin": "one-based"}


def test_rows_of_padding_are_no_detections(made: Any, truth: Path) -> None:
    padded = {
        image: (
            [*boxes, (-1, -1, -1, -1)],
            [*scores, -1],
            [*labels, -1],
        )
        for image, (boxes, scores, labels) in made.detections().items()
    }
    assert (
        annotools.evaluate(truth, padded).as_dict() == annotools.evaluate(truth, made.detections()).as_dict()
    )


def test_the_folder_may_hold_other_sets(made: Any, truth: Path, tmp_path: Path) -> None:
    folder = write_devkit(made, tmp_path / "devkit")
    expected = annotools.evaluate(truth, folder).as_dict()
    made.found = {image: rows[:1] for image, rows in made.found.items()}
    write_devkit(made, folder, split="val")
    assert annotools.evaluate(truth, folder).as_dict() == expected
    with pytest.raises(AnnotoolsError, match=r"several sets.*comp4_det_test.*comp4_det_val"):
        annotools.evaluate(truth, folder, split=None)


def test_no_detections_at_all(truth: Path, made: Any, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("[]")
    given: list[Any] = [{}, {"000003": ([], [], [])}, tmp_path / "none.json"]
    for nothing in given:
        result = annotools.evaluate(truth, nothing)
        assert result.map == 0.0
        assert result.errors["missed"] == result.objects > 0
        assert result.silent == result.images == len(made.objects)


BOX = (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("value", "field", "message", "found"),
    [
        (([BOX], [0.5], [7]), "detections['000001'][0]", "no class has this label", 7.0),
        (([BOX], [0.5], [0.5]), "detections['000001'][0]", "no class has this label", 0.5),
        (([BOX, BOX], [0.5, float("nan")], [-1, 0]), "detections['000001'][1]", "score that cannot be", None),
        (([(1, 2, float("inf"), 4)], [0.5], [0]), "detections['000001'][0]", "box that cannot be", None),
        (
            ([BOX, (3, 2, 1, 4)], [0.5, 0.5], [0, 0]),
            "detections['000001'][1]",
            "box that cannot be",
            [3, 2, 1, 4],
        ),
        (([BOX, BOX], [0.5], [0]), "detections['000001'].boxes", "wrong shape", (2, 4)),
        (([BOX[:3]], [0.5], [0]), "detections['000001'].boxes", "wrong shape", (1, 3)),
        (([BOX], [0.5], [0, 0]), "detections['000001'].labels", "wrong shape", (2,)),
        (([BOX], [[0.5]], [0]), "detections['000001'].boxes", "wrong shape", (1, 4)),
        (([BOX, (1, 2)], [0.5, 0.5], [0, 0]), "detections['000001'].boxes", "not numbers", "object"),
        (([BOX], [0.5], ["cup"]), "detections['000001'].labels", "not numbers", "str96"),
        (([BOX], [0.5]), "detections['000001']", "not three arrays", None),
        ({"boxes": [BOX], "scores": [0.5]}, "detections['000001']", "not three arrays", None),
        (None, "detections['000001']", "not three arrays", None),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else "",
)
def test_wrong_arrays(truth: Path, value: Any, field: str, message: str, found: object) -> None:
    good = ([BOX], [0.5], [0])
    with pytest.raises(AnnotoolsError, match=message) as caught:
        annotools.evaluate(truth, {"000000": good, "000001": value})
    assert caught.value.field == field
    assert caught.value.exit_code == 1
    if found is not None:
        assert caught.value.found == found
    assert caught.value.expected


def test_wrong_image_ids(truth: Path) -> None:
    good = ([BOX], [0.5], [0])
    with pytest.raises(AnnotoolsError, match="no image of the split has this id") as caught:
        annotools.evaluate(truth, {"000000": good, "cup.jpg": good})
    assert (caught.value.field, caught.value.found) == ("detections['cup.jpg'][0]", "cup.jpg")
    assert str(caught.value.expected).startswith("000000, 000001")
    with pytest.raises(AnnotoolsError, match="no image of the split") as caught:
        annotools.evaluate(truth, {"cup.jpg": ([], [], [])})
    assert caught.value.field == "detections['cup.jpg']"
    with pytest.raises(AnnotoolsError, match="not an image id"):
        annotools.evaluate(truth, {0: good})
    with pytest.raises(AnnotoolsError, match="two entries for one image"):
        annotools.evaluate(truth, {"000000": good, b"000000": good})


RESULT = {"image_id": "000001", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"score": None}, "[1]", "not a result"),
        ({"bbox": [1, 2, 3]}, "[1]", "not a result"),
        ({"score": float("nan")}, "[1]", "score that cannot be"),
        ({"bbox": [1, 2, -3, 4]}, "[1]", "box that cannot be"),
        ({"category_id": 0}, "[1].category_id", "no class has this id"),
        ({"category_id": "cup"}, "[1].category_id", "no class has this id"),
        ({"image_id": 7}, "[1].image_id", "not an image id"),
        ({"image_id": "cup"}, "[1]", "no image of the split"),
    ],
    ids=str,
)
def test_wrong_results(truth: Path, tmp_path: Path, change: dict[str, Any], field: str, message: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps([RESULT, RESULT | change]))
    with pytest.raises(AnnotoolsError, match=message) as caught:
        annotools.evaluate(truth, path)
    assert (caught.value.path, caught.value.field) == (str(path), field)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[\n{]", "malformed JSON"),
        ("{}", "not a list"),
        ("[1" + "0" * 5000 + "]", "malformed JSON"),
        ("[3]", "not a"),
    ],
    ids=lambda text: text[:9],
)
def test_wrong_files_of_results(truth: Path, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(AnnotoolsError, match=message) as caught:
        annotools.evaluate(truth, path)
    assert caught.value.path == str(path)
    assert caught.value.line == (2 if text.startswith("[\n") else None)


def test_ids_that_the_instances_do_not_have(made: Any, truth: Path, tmp_path: Path) -> None:
    write_coco(made, tmp_path / "a.json", numbers=True)
    path = tmp_path / "b.json"
    for change, field in (
        ({"image_id": 1}, "image_id"),
        ({"image_id": 1000, "category_id": 3}, "category_id"),
    ):
        path.write_text(json.dumps([RESULT | change]))
        with pytest.raises(AnnotoolsError) as caught:
            annotools.evaluate(truth, path, instances=tmp_path / "instances.json")
        assert caught.value.field == f"[0].{field}"
    with pytest.raises(AnnotoolsError, match="not a COCO data set"):
        annotools.evaluate(truth, path, instances=path)


@pytest.mark.parametrize("line", ["000001 0.5 1 2 3", "000001 high 1 2 3 4", "0.5 1 2 3 4"])
def test_wrong_lines(truth: Path, tmp_path: Path, line: str) -> None:
    folder = tmp_path / "devkit"
    folder.mkdir()
    path = folder / "comp4_det_test_class 0.txt"
    path.write_text(f"000001 0.5 1 2 3 4\n\n{line}\n")
    with pytest.raises(AnnotoolsError, match="not a detection") as caught:
        annotools.evaluate(truth, folder)
    assert (caught.value.path, caught.value.line, caught.value.found) == (str(path), 3, line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cup 0.5 1 2 3 4", "no image of the split"),
        ("000001 nan 1 2 3 4", "score"),
        ("000001 1 3 2 1 4", "box"),
    ],
)
def test_impossible_lines(truth: Path, tmp_path: Path, line: str, message: str) -> None:
    folder = tmp_path / "devkit"
    folder.mkdir()
    path = folder / "comp4_det_test_class 0.txt"
    path.write_text(f"000001 0.5 1 2 3 4\n{line}\n")
    with pytest.raises(AnnotoolsError, match=message) as caught:
        annotools.evaluate(truth, folder)
    assert (caught.value.path, caught.value.line) == (str(path), 2)


def test_wrong_folders(truth: Path, tmp_path: Path) -> None:
    folder = tmp_path / "devkit"
    folder.mkdir()
    with pytest.raises(AnnotoolsError, match="no text files"):
        annotools.evaluate(truth, folder)
    (folder / "comp4_det_test_zebra.txt").write_text("")
    with pytest.raises(AnnotoolsError, match="ends in no class") as caught:
        annotools.evaluate(truth, folder)
    assert caught.value.found == "comp4_det_test_zebra.txt"
    with pytest.raises(AnnotoolsError, match="cannot read") as caught:
        annotools.evaluate(truth, tmp_path / "absent.json")
    assert caught.value.exit_code == 2


def test_the_longest_class_name_is_meant(new_scene: MakeScene, tmp_path: Path) -> None:
    box = (10.0, 10.0, 30.0, 30.0)
    made = new_scene(("cup", "tea_cup"), {"a": [(1, box, False)]}, {"a": [(1, box, 0.5)]})
    path = made.save(tmp_path / "truth.pkl")
    assert annotools.evaluate(path, write_devkit(made, tmp_path / "devkit")).ap["tea_cup"] == 1.0
