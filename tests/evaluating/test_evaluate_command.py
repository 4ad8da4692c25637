"""`annotools evaluate`: what it prints, its JSON and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import annotools
from annotools import schema
from annotools.cli import main

MakeScene = Callable[..., Any]


@pytest.fixture
def call(random_scene: MakeScene, tmp_path: Path) -> list[str]:
    """The command and its two paths: results in COCO's form of a random set."""
    made = random_scene(50, images=30)
    results = [
        {
            "image_id": image,
            "category_id": label + 1,
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": score,
        }
        for image, rows in made.found.items()
        for label, box, score in rows
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    return ["evaluate", str(made.save(tmp_path / "truth.pkl")), str(tmp_path / "results.json")]


@pytest.mark.parametrize(
    ("flags", "options"),
    [
        ([], {}),
        (["--form", "coco", "--min-score", "0.5"], {"form": "coco", "min_score": 0.5}),
        (["--difficult", "count", "--iou", "0.7"], {"difficult": "count", "iou": 0.7}),
    ],
    ids=str,
)
def test_json_is_the_result(
    call: list[str], flags: list[str], options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*call, *flags, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema.load("evaluation.schema.json")).validate(report)
    assert report == annotools.evaluate(call[1], call[2], **options).as_dict()
    assert report["unscored"] == ["class 4", "class 5"]
    assert report["classes"][4]["ap"] == {"voc07": None, "voc10": None, "coco": None}
    assert all(len(row) == 7 for row in report["confusion"])


def test_the_schema_refuses_what_is_not_a_report(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*call, "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    check = jsonschema.Draft202012Validator(schema.load("evaluation.schema.json"))
    changes: list[dict[str, Any]] = [
        {"map": 1.5},
        {"form": "voc12"},
        {"extra": 1},
        {"coco_by_iou": {}},
        {"confusion": [[-1]]},
    ]
    for change in changes:
        assert not check.is_valid(report | change)


def test_text_has_a_line_for_each_class_and_the_mean_last(
    call: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(call) == 0
    lines = capsys.readouterr().out.splitlines()
    result = annotools.evaluate(call[1], call[2])
    first = result.classes[0]
    assert lines[0].startswith(
        f"30 images ({result.silent} without detections), {result.objects} objects and "
    )
    row = next(line for line in lines if line.startswith("class 0")).split()
    assert row[2:7] == [
        str(first.objects),
        str(first.detections),
        *(f"{value:.3f}" for value in (first.voc07, first.voc10, first.coco)),
    ]
    assert next(line for line in lines if line.startswith("class 4")).split()[-5:] == ["-"] * 5
    assert f"missed {result.errors['missed']}" in next(line for line in lines if line.startswith("errors"))
    assert any("taken for" in line for line in lines)
    assert "not in the mean: class 4, class 5" in next(line for line in lines if line.startswith("without"))
    assert lines[-1] == f"mAP {result.map:.3f} (voc10 at IoU 0.5)"


def test_names_from_files_do_nothing_in_a_terminal(
    new_scene: MakeScene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = new_scene(("a\x1b[31mb\u202e",), {"a": [(0, (1.0, 1.0, 9.0, 9.0), False)]})
    (tmp_path / "none.json").write_text("[]")
    assert main(["evaluate", str(made.save(tmp_path / "truth.pkl")), str(tmp_path / "none.json")]) == 0
    shown = capsys.readouterr().out
    assert "a\\x1b[31mb\\u202e" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_all_is_the_whole_source(
    sample_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none.json").write_text("[]")
    assert main(["evaluate", str(sample_data), str(tmp_path / "none.json"), "--split", "all"]) == 0
    count = sum(1 for _ in (sample_data / "Annotations").glob("*.xml"))
    assert capsys.readouterr().out.startswith(f"{count} images ({count} without detections)")


def test_exit_codes(call: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*call, "--split", "dev"]) == 2
    Path(call[2]).write_text("[7]")
    assert main(call) == 1
    assert "results.json: [0]: not a result (found 7" in capsys.readouterr().err


def test_it_needs_numpy_alone(call: list[str]) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from annotools.cli import main; assert main(sys.argv[1:]) == 0; "
        "assert not {'tensorflow', 'pycocotools', 'scipy', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, *call], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_in_messages_do_nothing_either(
    new_scene: MakeScene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = new_scene(("cup\x1b[2J",), {"a\x1b[31m": [(0, (1.0, 1.0, 9.0, 9.0), False)]})
    truth, folder = str(made.save(tmp_path / "truth.pkl")), tmp_path / "devkit"
    folder.mkdir()
    (tmp_path / "b.json").write_text(
        '[{"image_id": "\\u001b[3m", "category_id": 1, "bbox": [1, 1, 2, 2], "score": 1}]'
    )
    assert main(["evaluate", truth, str(tmp_path / "b.json")]) == 1
    (folder / "comp4_det_test_\x1b[4m.txt").write_text("")
    assert main(["evaluate", truth, str(folder)]) == 1
    assert "\x1b" not in capsys.readouterr().err
