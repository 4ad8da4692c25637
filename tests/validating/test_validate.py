"""`validate`: results, options, processors, real data."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotools import parallel
from annotools.classes.class_map import ClassMap
from annotools.errors import OptionError, SourceError
from annotools.validation import baseline, settings
from annotools.validation.result import merged
from annotools.validation.validate import validate


def rules(source: Any, **options: Any) -> list[str]:
    return [issue.rule for issue in validate(source, **options)]


@pytest.fixture
def faulty(tree: Any, make_picture: Callable[..., bytes]) -> Any:
    """Three files: a has an inverted box, b one that is outside and one that is tiny, c is clean."""
    tree.add("a", [("shoes", 30, 6, 5, 35)], image=make_picture(quality=50))
    tree.add("b", [("shoes", 5, 6, 30, 41), ("pen", 5, 6, 6, 35)], image=make_picture(quality=60))
    return tree.add("c")


def test_bccd_has_two_errors_and_no_warning(bccd: Path) -> None:
    result = validate(bccd, images="decode")
    errors = [(Path(issue.path or "").stem, issue.rule) for issue in result if issue.severity == "error"]
    assert errors == [("BloodImage_00338", "box-zero-area"), ("BloodImage_00343", "box-zero-area")]
    assert result.summary.severities["warning"] == 0
    assert (result.summary.files, result.summary.images, result.summary.objects) == (364, 364, 4888)


def test_microcontrollers_have_neither_errors_nor_warnings(microcontrollers: Path) -> None:
    result = validate(microcontrollers, images="decode")
    assert [str(issue) for issue in result if issue.severity != "info"] == []
    assert set(result.summary.rules) == {"absolute-path-leak"}


def test_sample_data_is_valid(sample_data: Path) -> None:
    result = validate(sample_data, images="decode", extend_select="schema,near-duplicate-image")
    assert [str(issue) for issue in result if issue.severity != "info"] == []


def test_result_can_be_read_twice_and_counts(faulty: Any) -> None:
    result = validate(faulty.root, images="header")
    first = list(result)
    assert list(result) == first == result.issues
    assert [issue.rule for issue in first] == ["box-inverted", "box-outside-image", "box-tiny"]
    assert result.summary.as_dict() == {
        "files": 3, "images": 3, "objects": 4, "errors": 2, "warnings": 1, "infos": 0,
        "rules": {"box-inverted": 1, "box-outside-image": 1, "box-tiny": 1}, "known": 0,
        "coordinate_origin": "unknown",
    }  # fmt: skip
    assert result.failed()
    assert not validate(faulty.root, select="box-tiny").failed()
    assert validate(faulty.root, select="box-tiny").failed(strict=True)


def test_issues_arrive_before_the_run_is_over(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotools.validation.validate.CHUNK", 1)
    tree.add("a", [("shoes", 30, 6, 5, 35)])
    for number in range(20):
        tree.add(f"b{number}")
    issues = iter(validate(tree.root, workers=1))
    first = next(issues)
    for name in tree.names[10:]:  # if the run were over, their absence would not be seen
        (tree.root / "Annotations" / f"{name}.xml").unlink()
    assert first.rule == "box-inverted"
    assert "unparsable" in [issue.rule for issue in issues]


@pytest.mark.parametrize("count", [2, 3])
def test_workers_change_nothing(tree: Any, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotools.validation.validate.CHUNK", 3)
    for number in range(40):
        box = (30, 6, 5, 35) if number % 7 == 0 else (5, 6, 30, 35)
        tree.add(f"{number:03d}", [("Shoes" if number % 11 == 0 else "shoes", *box)])
    alone = validate(tree.root, workers=1)
    together = validate(tree.root, workers=count)
    assert together.issues == alone.issues
    assert together.summary == alone.summary
    assert {"box-inverted", "class-case-or-blank-variant"} <= {issue.rule for issue in alone.issues}


def test_spawned_workers_change_nothing(faulty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "process_context", lambda: multiprocessing.get_context("spawn"))
    assert validate(faulty.root, workers=2).issues == validate(faulty.root, workers=1).issues


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"select": "box-*"}, ["box-inverted", "box-outside-image", "box-tiny"]),
        ({"select": ["box-tiny", "box-inverted"]}, ["box-inverted", "box-tiny"]),
        ({"ignore": "box-t*,box-inverted"}, ["box-outside-image"]),
        ({"severity": {"box-*": "off"}}, []),
        ({"select": "empty-annotation", "extend_select": "box-tiny"}, ["box-tiny"]),
    ],
)
def test_selection(faulty: Any, options: dict[str, Any], expected: list[str]) -> None:
    assert [rule for rule in rules(faulty.root, **options) if rule.startswith("box")] == expected


def test_severity_of_a_rule_can_be_changed(faulty: Any) -> None:
    result = validate(faulty.root, select="box-*", severity={"box-tiny": "error", "box-inverted": "info"})
    assert [issue.severity for issue in result] == ["info", "error", "error"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"select": "box-invertd"}, "--select"),
        ({"ignore": "nothing-*"}, "--ignore"),
        ({"severity": {"box-tiny": "fatal"}}, "severity of box-tiny"),
        ({"images": "all"}, "--images"),
        ({"box_origin": "two"}, "--box-origin"),
        ({"workers": 0}, "--workers"),
        ({"baseline": "absent.json"}, "--baseline"),
    ],
)
def test_options_that_make_no_sense(faulty: Any, options: dict[str, Any], field: str) -> None:
    with pytest.raises(OptionError) as caught:
        validate(faulty.root, **options)
    assert caught.value.field == field


def test_unknown_rule_gets_a_suggestion() -> None:
    with pytest.raises(OptionError, match="did you mean box-inverted"):
        settings.make_selection("box-invertd")


def test_source_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        validate(tmp_path / "absent")


def test_classes_from_a_file_and_from_a_map(faulty: Any, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("shoes\n")
    given: list[Any] = [tmp_path / "classes.txt", ClassMap.from_names(["shoes"])]
    for classes in given:
        (issue,) = validate(faulty.root, classes=classes, select="class-unknown").issues
        assert (issue.line, issue.object_index, issue.severity) == (14, 1, "error")
    assert rules(faulty.root, select="class-unknown") == []


def test_a_split(faulty: Any) -> None:
    faulty.lists(train=["a", "c"], val=["b"])
    assert "box-inverted" not in rules(faulty.root, split="val")
    assert validate(faulty.root, split="train").summary.files == 2
    assert validate(faulty.root).summary.files == 3


def test_without_images_no_image_is_opened(faulty: Any) -> None:
    for image in (faulty.root / "JPEGImages").iterdir():
        image.write_bytes(b"")
    result = validate(faulty.root, images="none")
    assert [issue.rule for issue in result] == ["box-inverted", "box-outside-image", "box-tiny"]
    assert result.summary.images == 0


def test_box_origin(tree: Any) -> None:
    tree.add("a", [("shoes", 0, 1, 30, 40), ("pen", 5, 5, 5, 20)])
    assert rules(tree.root, select="box-*") == ["box-zero-area"]
    assert rules(tree.root, select="box-*", box_origin="one-based") == ["box-outside-image", "box-tiny"]


def test_archive_gives_the_same_as_its_folder(faulty: Any, tmp_path: Path) -> None:
    import shutil

    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", faulty.root)

    def found(source: Any) -> list[Any]:
        return [(issue.rule, Path(issue.path or "").name, issue.line) for issue in validate(source)]

    assert found(archive) == found(faulty.root)


def test_baseline_silences_what_it_lists_and_nothing_new(faulty: Any, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    result = validate(faulty.root)
    baseline.Baseline.of(result, result.root).save(file)
    known = validate(faulty.root, baseline=file)
    assert (known.issues, known.summary.known, known.failed(strict=True)) == ([], 3, False)

    xml = faulty.root / "Annotations" / "a.xml"
    xml.write_text("\n\n" + xml.read_text())  # the lines move, the problem is the same
    faulty.add("d", [("shoes", 30, 6, 5, 35)])
    assert [
        Path(issue.path or "").stem for issue in validate(faulty.root, baseline=file, ignore="duplicate-*")
    ] == ["d"]


def test_baseline_counts_equal_problems(tree: Any, tmp_path: Path) -> None:
    box = ("shoes", 30, 6, 5, 35)
    tree.add("a", [box])
    result = validate(tree.root)
    file = tmp_path / "baseline.json"
    baseline.Baseline.of(result, result.root).save(file)
    tree.add("a", [box, box])
    assert rules(tree.root, baseline=file) == ["box-inverted"]


def test_baseline_works_from_another_place(
    faulty: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = validate(faulty.root)
    known = baseline.Baseline.of(result, result.root)
    monkeypatch.chdir(faulty.root)
    assert validate(".", baseline=known).issues == []
    monkeypatch.chdir(faulty.root.parent)
    assert validate("voc", baseline=known).issues == []


def test_merged(faulty: Any, tmp_path: Path) -> None:
    one, two = (validate(faulty.root / "Annotations" / f"{stem}.xml") for stem in "ab")
    both = merged([one, two])
    assert [issue.rule for issue in both] == ["box-inverted", "box-outside-image", "box-tiny"]
    assert (both.summary.files, both.summary.severities["error"]) == (2, 2)


def test_settings_of_a_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.annotools]\nignore = ["box-tiny"]\nextend-select = ["schema"]\nclasses = "l.txt"\n'
        '[tool.annotools.severity]\nbox-inverted = "warning"\n'
    )
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert settings.from_pyproject(below) == {
        "ignore": ["box-tiny"],
        "extend_select": ["schema"],
        "classes": str(tmp_path / "l.txt"),
        "severity": {"box-inverted": "warning"},
    }
    (below / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert settings.from_pyproject(below) == {}
    (below / "pyproject.toml").write_text("[tool.annotools]\nselekt = []\n")
    with pytest.raises(OptionError, match="selekt: no such setting"):
        settings.from_pyproject(below)


def test_selection_is_what_the_rules_say() -> None:
    selection = settings.make_selection()
    assert "schema" not in selection.enabled
    assert "box-inverted" in selection.enabled
    assert dataclasses.astuple(selection)[1] == {}


def test_memory_does_not_grow_with_the_files(tree: Any, tmp_path: Path) -> None:
    """Peak memory of a whole process over 150 and over 3,000 files; each image has content of its own."""
    for number in range(3000):
        tree.add(f"{number:05d}", image=b"\xff\xd8" + number.to_bytes(4, "big"))
    small = tmp_path / "small"
    (small / "Annotations").mkdir(parents=True)
    (small / "JPEGImages").mkdir()
    for name in tree.names[:150]:
        for folder, extension in (("Annotations", "xml"), ("JPEGImages", "jpg")):
            os.link(tree.root / folder / f"{name}.{extension}", small / folder / f"{name}.{extension}")
    script = (
        "import resource, sys; from annotools.validation.validate import validate;"
        "print(sum(1 for _ in validate(sys.argv[1], workers=1, ignore='image-unreadable')),"
        "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for source in (small, tree.root):
        run = subprocess.run(
            [sys.executable, "-c", script, str(source)], check=True, capture_output=True, text=True
        )
        found, peak = map(int, run.stdout.split())
        assert found == 0
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 4 * 1024  # kB; one Annotation kept for each file would be twice that


def in_a_process_that_forks(script: str, source: Path) -> str:
    """What a script prints that runs with one-file chunks. Workers are forks there, and see its changes."""
    head = "import multiprocessing, os, sys\nfrom annotools import errors\n"
    head += "from annotools.validation import checker, validate\n"
    head += "validate.CHUNK = 1\n"
    run = subprocess.run(
        [sys.executable, "-c", head + script, str(source)], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


only_linux = pytest.mark.skipif(sys.platform != "linux", reason="workers are forks on Linux only")


@only_linux
def test_a_worker_that_dies_is_told_and_does_not_hang(faulty: Any) -> None:
    script = """
here, check_one = os.getpid(), checker.Checker.check
checker.Checker.check = lambda self, pair: check_one(self, pair) if os.getpid() == here else os._exit(9)
try:
    list(validate.validate(sys.argv[1], workers=2))
except errors.WorkerError as error:
    print(error)
"""
    told = in_a_process_that_forks(script, faulty.root)
    assert re.fullmatch("the process for part [01] of the work ended 2 times: exit code 9", told)


@only_linux
def test_a_run_that_is_given_up_leaves_no_worker(tree: Any) -> None:
    for number in range(30):
        tree.add(f"{number:02d}", [("shoes", 30, 6, 5, 35)])
    script = """
issues = iter(validate.validate(sys.argv[1], workers=3))
print(next(issues).rule, len(multiprocessing.active_children()) > 0)
del issues
for child in multiprocessing.active_children():
    child.join(20)
print(multiprocessing.active_children())
"""
    assert in_a_process_that_forks(script, tree.root).split() == ["box-inverted", "True", "[]"]
