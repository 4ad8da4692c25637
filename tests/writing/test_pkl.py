"""annotools' own pickle: nothing is lost, equal input gives equal bytes, and nothing else is read."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import math
import os
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotools.classes.class_map import ClassMap
from annotools.errors import OutputError, PickleError, SourceError
from annotools.formats import pkl
from annotools.records import (
    Annotation,
    Box,
    Image,
    Object,
    Part,
    Point,
    Polygon,
    RotatedBox,
    Size,
    Source,
)
from annotools.testing import annotations as voc_annotations

CLASSES = ClassMap({"cup": 1, "手机": 4})

FULL = Annotation(
    filename="a.jpg",
    folder="VOC",
    path="C:\\a.jpg",
    source=Source("db", "", "flickr", ("<flickrid>1</flickrid>",)),
    size=Size(500, None, 3),
    segmented=False,
    objects=(
        Object(
            "cup",
            Box(1.0, 2.5, -3.0, 4e300),
            pose="Left",
            truncated=True,
            difficult=False,
            parts=(Part("hand", Box(1.0, 2.0, 3.0, 4.0), ("<x/>",)), Part("foot")),
            actions=(("jumping", True), ("running", False)),
            point=Point(0.1, 0.2),
            attributes=(("colour", "red"), ("colour", "blue")),
            polygon=Polygon((Point(0.0, 0.0), Point(1.0, 2.0)), ("<y/>",)),
            rotated=RotatedBox(1.0, 2.0, 3.0, 4.0, 0.5),
            xml_attributes=(("id", "7"),),
            extras=("<z>漢</z>",),
            line=7,
            bndbox_line=9,
        ),
        Object("", None, occluded=True, rotated=Polygon((Point(1.0, 1.0),) * 4)),
        Object("手机"),
    ),
    xml_attributes=(("verified", "yes"),),
    extras=("<owner/>",),
    xml_path="in.zip!/Annotations/a.xml",
    image_path="in.zip!/JPEGImages/a\udcff.jpg",  # a byte in a path that is not UTF-8
    image=Image("jpeg", 500, 375, 1, orientation=6, mode="L"),
    split="train",
)


def everything(record: Any) -> Any:
    """All fields with their types, those that `==` leaves out too."""
    if dataclasses.is_dataclass(record):
        return type(record), [everything(getattr(record, f.name)) for f in dataclasses.fields(record)]
    if isinstance(record, tuple):
        return [everything(item) for item in record]
    return type(record), record


@st.composite
def found_annotations(draw: st.DrawFn) -> Annotation:
    """Annotations with the provenance that a reader adds."""
    text = st.none() | st.text(st.characters(), max_size=8)
    whole = st.none() | st.integers(0, 2**40)
    images = st.builds(
        Image,
        text.map(str),
        st.integers(),
        st.integers(),
        st.integers(1, 4),
        st.integers(1, 8),
        text.map(str),
    )
    annotation = draw(voc_annotations(max_objects=2))
    return dataclasses.replace(
        annotation,
        objects=tuple(
            dataclasses.replace(item, line=draw(whole), bndbox_line=draw(whole))
            for item in annotation.objects
        ),
        xml_path=draw(text),
        image_path=draw(text),
        image=draw(st.none() | images),
        split=draw(text),
    )


def test_the_example_has_every_field() -> None:
    records: list[Any] = [FULL, FULL.objects[0], FULL.image, FULL.source]
    unset = [
        field.name
        for record in records
        for field in dataclasses.fields(record)
        if getattr(record, field.name) == field.default
    ]
    assert unset == ["occluded"]  # which objects[1] has


def test_every_field_survives(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    assert pkl.write(iter([FULL, Annotation()]), path, classes=CLASSES) == 2
    assert everything(tuple(pkl.read(path))) == everything((FULL, Annotation()))
    assert pkl.read_classes(path) == CLASSES


@given(st.lists(found_annotations(), max_size=2))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_annotations(tmp_path: Path, given: list[Annotation]) -> None:
    path = tmp_path / "a.pkl"
    pkl.write(given, path, classes=CLASSES)
    got = list(pkl.read(path))
    assert got == given
    assert everything(tuple(got)) == everything(tuple(given))


def test_numbers_that_json_would_not_keep(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    boxes = [Box(math.inf, -math.inf, -0.0, 5e-324), Box(0.1 + 0.2, 1e308, 2.0**53, 1 / 3)]
    pkl.write([Annotation(objects=(Object("cup", box),)) for box in boxes], path, classes=CLASSES)
    got = [annotation.objects[0].bndbox for annotation in pkl.read(path)]
    assert [repr(box) for box in got] == [repr(box) for box in boxes]
    pkl.write([Annotation(objects=(Object("cup", Box(math.nan, 0.0, 1.0, 1.0)),))], path, classes=CLASSES)
    (annotation,) = pkl.read(path)
    assert annotation.objects[0].bndbox is not None
    assert math.isnan(annotation.objects[0].bndbox.xmin)


def test_plain_pickle_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    pkl.write([FULL, Annotation("b.jpg")], path, classes=CLASSES)
    with path.open("rb") as file:
        content = pickle.load(file)  # noqa: S301
    assert list(content) == ["format", "version", "classes", "annotations"]
    assert (content["format"], content["version"]) == ("annotools", 1)
    assert content["classes"] == {"cup": 1, "手机": 4}
    first, second = content["annotations"]
    assert first["objects"][0]["bndbox"] == (1.0, 2.5, -3.0, 4e300)
    assert first["objects"][0]["rotated"] == (1.0, 2.0, 3.0, 4.0, 0.5)
    assert first["objects"][1] == {"name": "", "occluded": True, "rotated": {"points": ((1.0, 1.0),) * 4}}
    assert first["image"] == {
        "format": "jpeg", "width": 500, "height": 375, "channels": 1, "orientation": 6, "mode": "L",
    }  # fmt: skip
    assert second == {"filename": "b.jpg"}


def test_it_holds_built_in_types_only(tmp_path: Path) -> None:
    class Nothing(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            raise AssertionError(f"{module}.{name}")

    path = tmp_path / "a.pkl"
    pkl.write([FULL], path, classes=CLASSES)
    assert Nothing(io.BytesIO(path.read_bytes())).load()["version"] == 1
    assert path.read_bytes()[:2] == b"\x80\x02"


@pytest.mark.parametrize("protocol", range(6))
def test_what_was_pickled_again_is_read(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "a.pkl"
    pkl.write([FULL] * 3, path, classes=CLASSES)
    path.write_bytes(pickle.dumps(pickle.loads(path.read_bytes()), protocol))  # noqa: S301
    assert everything(tuple(pkl.read(path))) == everything((FULL,) * 3)


def test_no_annotations_and_display_names(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    classes = ClassMap({"/m/1": 1, "/m/2": 2}, {"/m/2": "cup"})
    assert pkl.write([], path, classes=classes) == 0
    assert list(pkl.read(path)) == []
    assert pkl.read_classes(path) == classes


# Run in processes of different hash seeds; prints the digest of what is written.
WRITE = """
import hashlib, pickle, sys
from annotools.formats import pkl, ssd_pickle
from annotools.records import Example
with open(sys.argv[1], "rb") as file:
    annotations, classes = pickle.load(file)
pkl.write(annotations, sys.argv[2], classes=classes)
print(hashlib.sha256(open(sys.argv[2], "rb").read()).hexdigest())
"""


def test_equal_input_gives_equal_bytes_in_any_process(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(pickle.dumps(([FULL, Annotation("b.jpg", "VOC"), FULL], CLASSES)))
    digests = set()
    for seed in ("0", "1", "4242"):
        command = [sys.executable, "-c", WRITE, str(tmp_path / "input"), str(tmp_path / f"{seed}.pkl")]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        digests.add(run.stdout)
    # Here the same records are one object in memory, there they are not.
    pkl.write([FULL, Annotation("b.jpg", "VOC"), FULL], tmp_path / "here.pkl", classes=CLASSES)
    digests.add(hashlib.sha256((tmp_path / "here.pkl").read_bytes()).hexdigest() + "\n")
    assert len(digests) == 1


class OwnText(str):
    pass


def test_kindred_types_are_written_as_the_exact_ones(tmp_path: Path) -> None:
    loose = Annotation(OwnText("a.jpg"), objects=(Object("cup", Box(1, 2, 3, 4)),))
    exact = Annotation("a.jpg", objects=(Object("cup", Box(1.0, 2.0, 3.0, 4.0)),))
    assert loose == exact
    pkl.write([loose], tmp_path / "1.pkl", classes=CLASSES)
    pkl.write([exact], tmp_path / "2.pkl", classes=CLASSES)
    assert (tmp_path / "1.pkl").read_bytes() == (tmp_path / "2.pkl").read_bytes()
    assert everything(next(pkl.read(tmp_path / "1.pkl"))) == everything(exact)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (Annotation(filename=b"a.jpg"), "filename"),  # type: ignore[arg-type]
        (Annotation(size=(1, 2, 3)), "size"),  # type: ignore[arg-type]
        (Annotation(size=Size(width=1.5)), "size/width"),  # type: ignore[arg-type]
        (Annotation(segmented=1), "segmented"),  # type: ignore[arg-type]
        (Annotation(objects=[Object("cup")]), "objects"),  # type: ignore[arg-type]
        (Annotation(objects=(Object("cup", Box("1", 2, 3, 4)),)), "objects/bndbox"),  # type: ignore[arg-type]
        (Annotation(objects=(Object("cup", Box(10**400, 2, 3, 4)),)), "objects/bndbox"),
        (Annotation(objects=(Object("cup", line=True),)), "objects/line"),
        (Annotation(objects=(Object("cup", rotated=Box(1, 2, 3, 4)),)), "objects/rotated"),  # type: ignore[arg-type]
        (Annotation(objects=(Object(None),)), "objects/name"),  # type: ignore[arg-type]
    ],
)
def test_wrong_types_are_refused(tmp_path: Path, wrong: Annotation, field: str) -> None:
    faulty = dataclasses.replace(wrong, xml_path="a.xml")
    with pytest.raises(PickleError, match="does not allow") as caught:
        pkl.write([FULL, faulty], tmp_path / "a.pkl", classes=CLASSES)
    assert caught.value.field == field
    assert caught.value.path == "a.xml"
    assert list(tmp_path.iterdir()) == []


def test_a_failing_source_leaves_no_file(tmp_path: Path) -> None:
    def failing() -> Iterator[Annotation]:
        yield FULL
        raise OSError("the disk of the source")

    with pytest.raises(OSError, match="the disk of the source"):
        pkl.write(failing(), tmp_path / "a.pkl", classes=CLASSES)
    assert list(tmp_path.iterdir()) == []


def test_paths_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file") as caught:
        pkl.write([], tmp_path / "missing" / "a.pkl", classes=CLASSES)
    assert caught.value.path == str(tmp_path / "missing" / "a.pkl")
    with pytest.raises(SourceError, match="No such file"):
        list(pkl.read(tmp_path / "a.pkl"))
    with pytest.raises(SourceError):
        list(pkl.read(tmp_path))


def content(**changes: Any) -> dict[str, Any]:
    sound = {"format": "annotools", "version": 1, "classes": {"cup": 1}, "annotations": [{"filename": "a"}]}
    return sound | changes


@pytest.mark.parametrize(
    ("value", "field", "words"),
    [
        (content(format="other"), "format", "not a pickle of annotools"),
        (content(version=2), "version", "found 2, expected 1"),
        (content(version="1"), "version", "found '1'"),
        (content(classes=["cup"]), "classes", "no class map"),
        (content(classes={"cup": 0}), "classes", "not a class id"),
        (content(display_names={"mug": "a mug"}) | {"annotations": []}, "classes", "not in the map"),
        ({"annotations": []}, "format", "not a pickle of annotools"),
        (content(annotations={}), None, "no dict with a list"),
        ([FULL.filename], None, "no dict with a list"),
        ({"a.jpg": [0.0] * 7}, None, "no dict with a list"),
        (content(annotations=[{}, {"file": "a"}]), "file", "annotation 1 is damaged"),
        (content(annotations=[{}, {3: "a"}]), "3", "annotation 1 is damaged"),
        (content(annotations=[{}, ()]), None, "annotation 1 is damaged"),
        (content(annotations=[{}, {"filename": 1}]), "filename", "found 1, expected str"),
        (content(annotations=[{}, {"segmented": 1}]), "segmented", "expected bool"),
        (content(annotations=[{}, {"objects": [{"name": "a"}]}]), "objects", "expected tuple"),
        (content(annotations=[{}, {"objects": ({},)}]), "objects", "expected a dict with name"),
        (
            content(annotations=[{}, {"objects": ({"name": "a", "bndbox": (1.0, 2.0, 3.0)},)}]),
            "objects/bndbox",
            "expected 4 values",
        ),
        (
            content(annotations=[{}, {"objects": ({"name": "a", "bndbox": (1.0, 2.0, 3.0, 4)},)}]),
            "objects/bndbox",
            "expected float",
        ),
        (
            content(annotations=[{}, {"objects": ({"name": "a", "rotated": [1.0]},)}]),
            "objects/rotated",
            "expected RotatedBox or Polygon",
        ),
    ],
)
def test_damaged_content(tmp_path: Path, value: Any, field: str | None, words: str) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(PickleError) as caught:
        list(pkl.read(path))
    assert words in str(caught.value)
    assert caught.value.field == field
    assert caught.value.path == str(path)


def test_foreign_and_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(b"")
    with pytest.raises(PickleError, match="empty"):
        list(pkl.read(path))
    path.write_bytes(b"<annotation/>")
    with pytest.raises(PickleError, match="not a pickle"):
        list(pkl.read(path))
    path.write_bytes(pickle.dumps(content(annotations=[{"filename": sys.exit}])))
    with pytest.raises(PickleError, match=r"sys\.exit"):
        list(pkl.read(path))
    pkl.write([FULL] * 2, path, classes=CLASSES)
    whole = path.read_bytes()
    for size in range(1, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(PickleError):
            list(pkl.read(path))


def test_reading_and_writing_hold_one_annotation_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"

    def many() -> Iterator[Annotation]:
        for number in range(1500):
            yield dataclasses.replace(FULL, filename=f"{number}.jpg")

    tracemalloc.start()
    pkl.write(many(), path, classes=CLASSES)
    assert sum(1 for _ in pkl.read(path)) == 1500
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 1_000_000
    assert peak < 300_000


def test_numpy_is_not_needed() -> None:
    code = "import sys, annotools.formats.pkl; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
