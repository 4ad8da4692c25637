"""The ssd_keras dialect: its exact layout, loadable by `pickle.load` everywhere, and what is refused."""

from __future__ import annotations

import math
import pickle
import pickletools
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotools.classes.class_map import ClassMap
from annotools.errors import AnnotoolsError, ClassMapError, OutputError, PickleError, SourceError
from annotools.formats import ssd_pickle
from annotools.issues import DataError
from annotools.records import Example

CLASSES = ClassMap({"cup": 2, "bag": 5, "pen": 9})  # in the columns 4, 5 and 6
PICKLES = sorted((Path(__file__).parents[1] / "data" / "pickles").glob("*.pkl"))


def example(
    filename: str, *objects: tuple[str, float, float, float, float], size: tuple[int, int] = (500, 375)
) -> Example:
    return Example(
        id=Path(filename).stem,
        filename=filename,
        source_id=filename,
        width=size[0],
        height=size[1],
        format="jpeg",
        boxes=tuple(box for _, *box in objects),  # type: ignore[misc]
        labels=tuple(CLASSES.id(name) for name, *_ in objects),
        names=tuple(name for name, *_ in objects),
    )


EXAMPLES = [
    example("b.jpg", ("pen", 48, 240, 195.5, 371), ("cup", 0, 0, 500, 375)),
    example("手机 1.png", size=(3, 3)),
    example("a.jpg", ("bag", 1, 2, 3, 4)),
]


def test_the_layout(tmp_path: Path) -> None:
    path = tmp_path / "gt.pkl"
    assert ssd_pickle.write(iter(EXAMPLES), path, classes=CLASSES) == 3
    with path.open("rb") as file:
        loaded = pickle.load(file)  # noqa: S301
    assert type(loaded) is dict
    assert list(loaded) == ["b.jpg", "手机 1.png", "a.jpg"]
    assert loaded["b.jpg"].tolist() == [
        [48 / 500, 240 / 375, 195.5 / 500, 371 / 375, 0, 0, 1],
        [0, 0, 1, 1, 1, 0, 0],
    ]
    assert loaded["a.jpg"].tolist() == [[1 / 500, 2 / 375, 3 / 500, 4 / 375, 0, 1, 0]]
    assert loaded["手机 1.png"].shape == (0, 7)
    for array in loaded.values():
        assert type(array) is np.ndarray
        assert array.dtype == np.dtype("<f8")
        assert array.flags.c_contiguous
        assert array.flags.writeable  # ssd_keras flips boxes in place


def test_what_numpy_makes_of_it_is_what_we_read(tmp_path: Path) -> None:
    path = tmp_path / "gt.pkl"
    ssd_pickle.write(EXAMPLES, path, classes=CLASSES)
    with path.open("rb") as file:
        loaded = pickle.load(file)  # noqa: S301
    got = ssd_pickle.read(path)
    assert list(got) == list(loaded)
    for key, rows in got.items():
        assert rows.dtype == loaded[key].dtype
        np.testing.assert_array_equal(rows, loaded[key])


def test_the_globals_are_those_of_old_stacks(tmp_path: Path) -> None:
    path = tmp_path / "gt.pkl"
    ssd_pickle.write(EXAMPLES, path, classes=CLASSES)
    opcodes = list(pickletools.genops(path.read_bytes()))
    named = {argument for opcode, argument, _ in opcodes if opcode.name == "GLOBAL"}
    assert named == {
        "numpy.core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
    }
    assert max(opcode.proto for opcode, _, _ in opcodes) == 2
    assert not {opcode.name for opcode, _, _ in opcodes} & {"INST", "OBJ", "NEWOBJ", "EXT1", "PERSID"}


@pytest.mark.parametrize("reader", [pickle.loads, pickle._loads])  # type: ignore[attr-defined]  # in C and in Python
def test_any_unpickler(tmp_path: Path, reader: Any) -> None:
    path = tmp_path / "gt.pkl"
    ssd_pickle.write(EXAMPLES, path, classes=CLASSES)
    assert reader(path.read_bytes())["a.jpg"].shape == (1, 7)


@given(
    boxes=st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 4), max_size=4),
    label=st.sampled_from([2, 5, 9]),
    size=st.tuples(st.integers(1, 9999), st.integers(1, 9999)),
    name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_example(tmp_path: Path, boxes: list[Any], label: int, size: tuple[int, int], name: str) -> None:
    given_example = Example(
        id="x", filename=name, source_id="x", width=size[0], height=size[1], format="png",
        boxes=tuple(boxes), labels=(label,) * len(boxes),
    )  # fmt: skip
    path = tmp_path / "gt.pkl"
    ssd_pickle.write([given_example], path, classes=CLASSES)
    ((key, rows),) = ssd_pickle.read(path).items()
    assert key == name
    assert rows.shape == (len(boxes), 7)
    for row, box in zip(rows, boxes, strict=True):
        expected = [value / size[axis % 2] for axis, value in enumerate(box)]
        assert row.tolist() == [*expected, *[float(label == id) for id in (2, 5, 9)]]


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "1.pkl", tmp_path / "2.pkl"
    ssd_pickle.write(EXAMPLES, first, classes=CLASSES)
    copies = pickle.loads(pickle.dumps(EXAMPLES))  # noqa: S301  # equal, but no object in common
    ssd_pickle.write(copies, second, classes=pickle.loads(pickle.dumps(CLASSES)))  # noqa: S301
    assert first.read_bytes() == second.read_bytes()


def test_as_ssd_keras_reads_the_xml(bccd: Path, tmp_path: Path) -> None:
    """Against the steps of ssd_keras's script, without its bugs, on real annotations."""
    names = ["Platelets", "RBC", "WBC"]
    expected: dict[str, list[list[float]]] = {}
    examples = []
    for xml in sorted(bccd.rglob("*.xml"))[:40]:
        root = ElementTree.parse(xml).getroot()
        width, height = (int(root.findtext(f"size/{side}", "")) for side in ("width", "height"))
        filename = root.findtext("filename", "")
        boxes: list[tuple[float, float, float, float]] = []
        expected[filename], labels = [], []
        for item in root.iter("object"):
            name = item.findtext("name", "")
            box = [float(item.findtext(f"bndbox/{side}", "")) for side in ("xmin", "ymin", "xmax", "ymax")]
            scaled = [box[0] / width, box[1] / height, box[2] / width, box[3] / height]
            expected[filename].append(scaled + [float(name == other) for other in names])
            boxes.append((box[0], box[1], box[2], box[3]))
            labels.append(names.index(name) + 1)
        examples.append(
            Example(
                id=xml.stem,
                filename=filename,
                source_id=xml.stem,
                width=width,
                height=height,
                format="jpeg",
                boxes=tuple(boxes),
                labels=tuple(labels),
            )
        )
    assert examples
    path = tmp_path / "gt.pkl"
    ssd_pickle.write(examples, path, classes=ClassMap.from_names(names))
    with path.open("rb") as file:
        loaded = pickle.load(file)  # noqa: S301
    assert {key: rows.tolist() for key, rows in loaded.items()} == expected


def test_memory_does_not_grow_with_the_boxes(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        def many() -> Iterator[Example]:
            for number in range(count):
                yield example(f"{number}.jpg", *[("pen", 1.0, 2.0, 3.0, 4.0)] * 20)

        tracemalloc.start()
        ssd_pickle.write(many(), tmp_path / "gt.pkl", classes=CLASSES)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)
    # The names are kept, to find two that are equal: some 340 bytes each, where an array alone has 1,120.
    assert peak(2000) - peak(200) < 1800 * 600


@pytest.mark.parametrize(
    ("faulty", "error", "words"),
    [
        (example("a.jpg"), DataError, "same file name"),
        (example("c.jpg", size=(0, 10)), DataError, "without size"),
        (
            Example("c", "c.jpg", "c", 9, 9, "png", boxes=((1.0, 2.0, 3.0, 4.0),), labels=(3,)),
            ClassMapError,
            "not in the class map",
        ),
    ],
)
def test_what_cannot_be_written(
    tmp_path: Path, faulty: Example, error: type[AnnotoolsError], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        ssd_pickle.write([*EXAMPLES, faulty], tmp_path / "gt.pkl", classes=CLASSES)
    assert caught.value.path == faulty.filename
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"):
        ssd_pickle.write(EXAMPLES, tmp_path / "missing" / "gt.pkl", classes=CLASSES)
    with pytest.raises(SourceError, match="No such file"):
        ssd_pickle.read(tmp_path / "gt.pkl")


@pytest.mark.parametrize("path", PICKLES, ids=lambda path: path.stem)
def test_reads_what_other_stacks_write(path: Path) -> None:
    got = ssd_pickle.read(path)
    assert got["frame00001.png"].tolist() == [
        [-1 / 720, 0.25, 0.5, 1, 0, 1, 0],
        [0.1, 0.2, 0.3, 0.4, 1, 0, 0],
    ]
    assert got["café.xml"].tolist() == [[0, 0, 1, 1, 0, 0, 1]]
    assert got["negative.png"].shape == (0, 7)


def save(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "gt.pkl"
    path.write_bytes(pickle.dumps(value))
    return path


ROW = [0.1, 0.2, 0.3, 0.4, 1.0, 0.0]


def test_empty_arrays_of_the_script_get_the_shape_of_the_others(tmp_path: Path) -> None:
    value = {"a.xml": np.array([]), "b.xml": np.array([ROW], np.float32), "c.xml": np.zeros((0, 6), int)}
    got = ssd_pickle.read(save(tmp_path, value))
    assert {key: rows.shape for key, rows in got.items()} == {
        "a.xml": (0, 6),
        "b.xml": (1, 6),
        "c.xml": (0, 6),
    }
    assert {rows.dtype for rows in got.values()} == {np.dtype(np.float64)}
    assert ssd_pickle.read(save(tmp_path, {"a.xml": np.array([])}))["a.xml"].shape == (0, 4)
    assert ssd_pickle.read(save(tmp_path, {})) == {}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([ROW, [0.1, 0.2, 0.3, 0.4, 0.0, 0.0]]), "row 1 does not have exactly one class"),
        (np.array([[0.1, 0.2, 0.3, 0.4, 1.0, 1.0]]), "row 0 does not have exactly one class"),
        (np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.5]]), "row 0 does not have exactly one class"),
        (np.array([[0.1, 0.2, 0.3, 0.4, 2.0, -1.0]]), "row 0 does not have exactly one class"),
        (np.array([[0.1, 0.2, math.nan, 0.4, 1.0, 0.0]]), "not finite"),
        (np.array([[0.1, 0.2, math.inf, 0.4, 1.0, 0.0]]), "not finite"),
        (np.array([[*ROW, 0.0]]), "as many columns"),
        (np.zeros((0, 5)), "as many columns"),
        (np.array(ROW), "wrong shape"),
        (np.zeros((1, 3)), "wrong shape"),
        (np.zeros((1, 2, 6)), "wrong shape"),
        (np.zeros((1, 6), bool), "not an array of numbers"),
        (np.zeros((1, 6), complex), "not an array of numbers"),
        ([ROW], "not an array of numbers"),
        (None, "not an array of numbers"),
    ],
)
def test_arrays_that_cannot_be_right(tmp_path: Path, value: Any, words: str) -> None:
    path = save(tmp_path, {"good.jpg": np.array([ROW]), "bad.jpg": value})
    with pytest.raises(PickleError, match=words) as caught:
        ssd_pickle.read(path)
    assert caught.value.field == "bad.jpg"
    assert caught.value.path == str(path)


@pytest.mark.parametrize("value", [[], None, {1: np.zeros((0, 6))}, {b"a.jpg": np.zeros((0, 6))}])
def test_another_layout(tmp_path: Path, value: Any) -> None:
    with pytest.raises(PickleError, match=r"not a dict|not text"):
        ssd_pickle.read(save(tmp_path, value))


def test_a_call_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PickleError, match="exit"):
        ssd_pickle.read(save(tmp_path, {"a.jpg": sys.exit}))


def test_where_the_classes_lie() -> None:
    assert ssd_pickle.classes_path("out/gt.pkl") == Path("out/gt.classes.txt")
    assert ssd_pickle.classes_path(Path("train.v2.pickle")) == Path("train.v2.classes.txt")
