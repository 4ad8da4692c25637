"""Whatever is passed to the public surface, it is taken or an AnnotoolsError says what is wrong with it.

The test walks the signatures: a new keyword, function or command is tried with values of wrong types and with
near misses without a line here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import annotools
from annotools.cli import COMMANDS, main
from annotools.errors import AnnotoolsError, OptionError

WRONG: dict[str, Any] = {
    "none": None,
    "number": 5,
    "fraction": 2.5,
    "text": "nonsense",
    "bytes": b"x",
    "list": [],
    "numbers": [1, 2],
    "mapping": {"a": 1},
    "odd-mapping": {1: None},
    "object": object(),
}

FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "convert": ("SOURCE", "OUT"),
    "validate": ("SOURCE",),
    "fix": ("SOURCE", "OUT"),
    "verify": ("OUTPUT",),
    "read": ("SOURCE",),
    "parse": (b"<annotation></annotation>",),
    "to_xml": (annotools.Annotation(),),
    "stats": ("SOURCE",),
    "evaluate": ("SOURCE", {}),
    "ClassMap": ({"cup": 1},),
}
NEEDED: dict[str, dict[str, Any]] = {"convert": {"to": "pickle", "dry_run": True}, "fix": {"fixes": "clip"}}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, make_tree: Any) -> dict[str, Any]:
    root = tmp_path_factory.mktemp("surface")
    tree = make_tree(root / "voc").add("a", [("cup", 5, 6, 30, 35)]).add("b")
    annotools.convert(tree.root, root / "output", to="tfrecord")
    return {"SOURCE": tree.root, "OUTPUT": root / "output", "ROOT": root}


def call(places: dict[str, Any], name: str, values: list[Any], keywords: dict[str, Any]) -> None:
    function = getattr(annotools, name)
    result = function(*values, **keywords)
    if inspect.isgenerator(result) or isinstance(result, Iterator) or name in ("read", "validate"):
        list(result)


def positional(places: dict[str, Any], name: str, tmp_path: Path) -> list[Any]:
    found = []
    for value in FUNCTIONS[name]:
        if isinstance(value, str) and value.startswith("OUT") and value != "OUTPUT":
            found.append(tmp_path / value)
        else:
            found.append(places.get(value, value) if isinstance(value, str) else value)
    return found


def test_every_public_function_is_tried() -> None:
    functions = {name for name in annotools.__all__ if inspect.isfunction(getattr(annotools, name))}
    assert functions <= {*FUNCTIONS, "diff", "report", "show"}  # tests/viewing has the last three


PLACES = [(name, place) for name, values in FUNCTIONS.items() for place in range(len(values))]


@pytest.mark.parametrize(("name", "place"), PLACES)
def test_each_argument_with_a_value_of_another_type(
    name: str, place: int, places: dict[str, Any], tmp_path: Path
) -> None:
    for label, wrong in WRONG.items():
        if name == "evaluate" and place == 1 and label in ("list", "numbers", "text"):
            continue  # files and lists of detections: tests/evaluating
        values = positional(places, name, tmp_path)
        values[place] = wrong
        told(lambda: call(places, name, values, NEEDED.get(name, {})), f"{name}[{place}]={label}")  # noqa: B023


KEYWORDS = [
    (name, keyword.name)
    for name in FUNCTIONS
    for keyword in inspect.signature(getattr(annotools, name)).parameters.values()
    if keyword.kind is inspect.Parameter.KEYWORD_ONLY
]


@pytest.mark.parametrize(("name", "keyword"), KEYWORDS)
def test_each_keyword_with_a_value_of_another_type(
    name: str, keyword: str, places: dict[str, Any], tmp_path: Path
) -> None:
    for number, (label, wrong) in enumerate(WRONG.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        values = positional(places, name, folder)
        keywords = NEEDED.get(name, {}) | {keyword: wrong}
        told(lambda: call(places, name, values, keywords), f"{name}({keyword}={label})")  # noqa: B023


def told(work: Callable[[], None], what: str) -> None:
    try:
        work()
    except AnnotoolsError as error:
        str(error)
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


def test_near_misses_name_what_was_meant(places: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"shrads.*did you mean shards"):
        annotools.convert(places["SOURCE"], tmp_path / "o", to="tfrecord", shrads=2)  # type: ignore[call-arg]
    with pytest.raises(OptionError, match=r"to: is missing.*tfrecord"):
        annotools.convert(places["SOURCE"], tmp_path / "o")  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="output: is missing"):
        annotools.convert(places["SOURCE"], to="tfrecord")  # type: ignore[call-arg]
    with pytest.raises(OptionError, match="takes the others by keyword"):
        annotools.convert(places["SOURCE"], tmp_path / "o", "tfrecord")  # type: ignore[call-arg]
    with pytest.raises(OptionError, match=r"annotools\.read"):
        annotools.parse("a.xml")  # type: ignore[arg-type]


def test_what_people_type_is_understood(places: dict[str, Any], tmp_path: Path) -> None:
    source = places["SOURCE"]
    ratios = annotools.convert(source, tmp_path / "a", to="pickle", split={"train": 0.5, "val": 0.5})
    assert ratios.manifest["options"]["split"] == "train=0.5,val=0.5"
    typed: Any = {"workers": "2", "classes": ["shoes", "cup"]}
    names = annotools.convert(source, tmp_path / "b", to="pickle", **typed)
    assert names.manifest["classes"] == {"shoes": 1, "cup": 2}
    typed = {"shards": np.int64(2), "classes": {"cup": 3, "shoes": 7}}
    ids = annotools.convert(source, tmp_path / "c", to="tfrecord", **typed)
    assert ids.manifest["classes"] == {"cup": 3, "shoes": 7}
    assert annotools.ClassMap(["a", "b"]) == annotools.ClassMap({"a": 1, "b": 2})
    assert {i.rule for i in annotools.validate(source, classes=["cup"])} == {"class-unknown"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("words", [[], ["nowhere"], ["nowhere", "x"], ["--nonsense"], ["", ""], ["\0", "\0"]])
def test_each_command_ends_with_a_code_and_a_line(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main([command, *words])
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = capsys.readouterr()
    assert code in (0, 1, 2)
    if code == 2:
        assert len(said.err.splitlines()) == 1
