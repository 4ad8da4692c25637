"""What annotools says when it is given an output that it writes for other programs only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.cli import main
from annotools.errors import SourceError


@pytest.fixture(params=["coco", "yolo"])
def written(request: pytest.FixtureRequest, tree: Any, tmp_path: Path) -> Path:
    annotools.convert(tree.add("a").root, tmp_path / request.param, to=request.param)
    return tmp_path / str(request.param)


@pytest.mark.parametrize(
    "command",
    [
        "validate OUT",
        "stats OUT",
        "show OUT -o OUT.png",
        "report OUT -o OUT.html",
        "classes OUT",
        "fix OUT OUT.fixed --fix clip",
        "convert OUT OUT.out --to pickle",
        "evaluate OUT detections.json",
    ],
)
def test_commands_say_it_in_one_line(command: str, written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.replace("OUT", str(written)).split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert f"--to {written.name}" in said.err
    assert "expected what it was made from" in said.err


def test_the_loader_says_it(written: Path) -> None:
    from annotools.loader.options import SourceOptions
    from annotools.loader.sources.open import open_examples

    with pytest.raises(SourceError, match=f"does not read it back .*--to {written.name}"):
        open_examples(written, SourceOptions(split="train"))


def test_other_folders_with_such_a_file_are_sources(tree: Any) -> None:
    tree.add("a")
    for text in ("{}", '{"format": "other", "to": "yolo"}', "[", "[]", '{"format": "annotools"}'):
        (tree.root / "manifest.json").write_text(text)
        assert len(list(annotools.read(tree.root))) == 1
