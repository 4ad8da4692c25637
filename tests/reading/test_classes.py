"""ClassMap: each file format, what is refused and where, look-ups and their suggestions."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotools.classes.class_map import ClassMap
from annotools.errors import ClassMapError, OutputError, SourceError, UnknownClassError

DATA = Path(__file__).parents[1] / "data" / "classes"


def cases(folder: str, ending: str) -> list[Any]:
    paths = sorted((DATA / folder).glob(f"*{ending}"))
    return [pytest.param(path.with_suffix(""), path, id=path.stem) for path in paths]


def names() -> st.SearchStrategy[str]:
    texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
    return texts.filter(lambda name: name == name.strip())


def class_maps() -> st.SearchStrategy[ClassMap]:
    ids = st.integers(1, 2**31 - 1)
    pairs = st.lists(
        st.tuples(names(), ids), unique_by=(lambda p: p[0], lambda p: p[1]), min_size=1, max_size=6
    )
    return pairs.map(lambda pairs: ClassMap(dict(pairs)))


@st.composite
def shown_maps(draw: st.DrawFn) -> ClassMap:
    """Maps where some classes have a display name, which may be their own name again."""
    plain = draw(class_maps())
    shown = draw(st.lists(names(), unique=True, min_size=len(plain), max_size=len(plain)))
    pairs = {
        name: other for name, other in zip(plain, shown, strict=True) if other == name or other not in plain
    }
    return ClassMap(plain.ids, pairs)


@pytest.mark.parametrize(("path", "expected"), cases("valid", ".ids"))
def test_reads(path: Path, expected: Path) -> None:
    assert dict(ClassMap.from_file(path).ids) == json.loads(expected.read_text("utf-8"))


@pytest.mark.parametrize(("path", "expected"), cases("invalid", ".error"))
def test_refuses(path: Path, expected: Path) -> None:
    line, words = expected.read_text("utf-8").splitlines()
    with pytest.raises(ClassMapError) as caught:
        ClassMap.from_file(path)
    assert words in str(caught.value)
    assert caught.value.path == str(path)
    assert caught.value.line == (None if line == "-" else int(line))


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfdog\r\ncaf\xc3\xa9\r\n",
        "\ufeffdog\ncafé".encode(),
        "dog\r\ncafé\r\n\r\n".encode("utf-16"),
        b"dog\ncaf\xc3\xa9\n \t\n",
    ],
    ids=["bom-crlf", "no-line-end", "utf-16", "blanks-on-last-line"],
)
def test_text_of_any_editor(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(data)
    assert ClassMap.from_file(path) == ClassMap.from_names(["dog", "café"])


def test_a_label_map_with_bom_and_crlf(tmp_path: Path) -> None:
    path = tmp_path / "labels.pbtxt"
    path.write_bytes(b"\xef\xbb\xbfitem {\r\n  id: 1\r\n  name: 'cup'\r\n  oops\r\n}\r\n")
    with pytest.raises(ClassMapError) as caught:
        ClassMap.from_file(path)
    assert caught.value.line == 5
    path.write_bytes(path.read_bytes().replace(b"  oops\r\n", b""))
    assert ClassMap.from_file(path) == ClassMap({"cup": 1})


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        ClassMap.from_file(tmp_path / "labels.txt")


def test_order_ids_and_positions() -> None:
    classes = ClassMap({"pen": 9, "cup": 2, "bag": 4})
    assert classes.names == tuple(classes) == ("cup", "bag", "pen")
    assert list(classes.ids.items()) == [("cup", 2), ("bag", 4), ("pen", 9)]
    assert [classes.id(name) for name in classes] == [2, 4, 9]
    assert [classes.index(name) for name in classes] == [0, 1, 2]
    assert len(classes) == 3
    assert "bag" in classes
    assert "Bag" not in classes
    assert ClassMap.from_names(["pen", "cup"]).ids == {"pen": 1, "cup": 2}


def test_display_names_are_accepted_but_are_not_the_names() -> None:
    classes = ClassMap.from_file(DATA / "valid" / "mscoco.pbtxt")
    assert classes.names == ("/m/01g317", "/m/0199g")
    assert classes.display_names == {"/m/01g317": "person", "/m/0199g": "bicycle"}
    assert classes.id("person") == classes.id("/m/01g317") == 1
    assert classes.index("bicycle") == 1
    assert "person" in classes
    assert classes.suggest("Bicycle") == "bicycle"
    assert classes != ClassMap(classes.ids)


def test_frozen_hashable_and_picklable() -> None:
    classes = ClassMap({"pen": 9, "cup": 2}, {"cup": "a cup"})
    same = ClassMap({"cup": 2, "pen": 9}, {"cup": "a cup"})
    assert classes == same
    assert hash(classes) == hash(same)
    assert classes != ClassMap({"pen": 2, "cup": 9})
    assert classes != ("cup", "pen")
    assert pickle.loads(pickle.dumps(classes)) == classes  # noqa: S301
    assert eval(repr(classes)) == classes  # noqa: S307
    with pytest.raises(AttributeError):
        classes._entries = ()
    with pytest.raises(AttributeError):
        del classes._entries
    with pytest.raises(TypeError):
        classes.ids["mug"] = 3  # type: ignore[index]


@pytest.mark.parametrize(
    "ids",
    [
        {"": 1},
        {" cup": 1},
        {"cup\t": 1},
        {"cup": 0},
        {"cup": -1},
        {"cup": True},
        {"cup": 2**31},
        {"cup": 1, "pen": 1},
    ],
)
def test_impossible_maps(ids: dict[str, int]) -> None:
    with pytest.raises(ClassMapError):
        ClassMap(ids)


def test_a_display_name_of_no_class() -> None:
    with pytest.raises(ClassMapError, match="not in the map"):
        ClassMap({"cup": 1}, {"mug": "a mug"})


@pytest.mark.parametrize("extension", [".json", ".pbtxt"])
@given(classes=class_maps() | shown_maps())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_saved_is_read_back(classes: ClassMap, extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"labels{extension}"
    classes.save(path)
    assert ClassMap.from_file(path) == classes


@given(given=st.lists(names(), unique=True, min_size=1, max_size=6))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_is_read_back_or_refused(given: list[str], tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    classes = ClassMap.from_names(given)
    if any("\n" in name or "\r" in name or name[0] == "\ufeff" for name in given):
        with pytest.raises(ClassMapError, match="one name a line"):
            classes.save(path)
    else:
        classes.save(path)
        assert ClassMap.from_file(path) == classes


@pytest.mark.parametrize("classes", [ClassMap({"cup": 1, "pen": 3}), ClassMap({"cup": 1}, {"cup": "a cup"})])
def test_text_does_not_lose_ids_or_display_names(classes: ClassMap, tmp_path: Path) -> None:
    with pytest.raises(ClassMapError, match=r"\.pbtxt"):
        classes.save(tmp_path / "labels.txt")
    assert classes.to_txt().splitlines() == list(classes.names)


def test_saving_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ClassMapError, match="extension"):
        ClassMap({"cup": 1}).save(tmp_path / "labels.csv")
    with pytest.raises(OutputError):
        ClassMap({"cup": 1}).save(tmp_path / "missing" / "labels.txt")


@pytest.fixture(scope="module")
def label_map_message() -> Any:
    """The message class StringIntLabelMap, as string_int_label_map.proto declares the fields that matter."""
    descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
    descriptor_pool = pytest.importorskip("google.protobuf.descriptor_pool")
    message_factory = pytest.importorskip("google.protobuf.message_factory")

    types = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="label_map.proto", package="test", syntax="proto2")
    item = file.message_type.add(name="Item")
    item.field.add(name="name", number=1, type=types.TYPE_STRING, label=types.LABEL_OPTIONAL)
    item.field.add(name="id", number=2, type=types.TYPE_INT32, label=types.LABEL_OPTIONAL)
    item.field.add(name="display_name", number=3, type=types.TYPE_STRING, label=types.LABEL_OPTIONAL)
    label_map = file.message_type.add(name="LabelMap")
    label_map.field.add(
        name="item", number=1, type=types.TYPE_MESSAGE, type_name=".test.Item", label=types.LABEL_REPEATED
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("test.LabelMap"))


@given(classes=class_maps() | shown_maps())
@settings(max_examples=50)
def test_protobuf_reads_our_label_map(label_map_message: Any, classes: ClassMap) -> None:
    text_format = pytest.importorskip("google.protobuf.text_format")
    message = text_format.Parse(classes.to_pbtxt(), label_map_message())
    assert [(item.name, item.id) for item in message.item] == list(classes.ids.items())
    shown = {item.name: item.display_name for item in message.item if item.HasField("display_name")}
    assert shown == classes.display_names


@pytest.mark.parametrize("options", [{}, {"as_utf8": True}, {"as_one_line": True}, {"pointy_brackets": True}])
@given(classes=class_maps() | shown_maps())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_we_read_the_label_map_of_protobuf(
    label_map_message: Any, options: dict[str, bool], classes: ClassMap, tmp_path: Path
) -> None:
    text_format = pytest.importorskip("google.protobuf.text_format")
    message = label_map_message()
    for name, id in classes.ids.items():
        message.item.add(name=name, id=id, display_name=classes.display_names.get(name))
    path = tmp_path / "labels.pbtxt"
    path.write_bytes(text_format.MessageToString(message, **options).encode())
    assert ClassMap.from_file(path) == classes


def test_the_label_map_stays_readable() -> None:
    text = ClassMap({'a "b" \\ c\nd': 1, "手机": 2}, {"手机": "phone"}).to_pbtxt()
    assert text == (
        'item {\n  id: 1\n  name: "a \\"b\\" \\\\ c\\nd"\n}\n'
        'item {\n  id: 2\n  name: "手机"\n  display_name: "phone"\n}\n'
    )


@given(st.text(st.sampled_from("item {}<>[]:;,'\"\\0178xuidname#\n-."), max_size=60))
@settings(max_examples=200)
def test_any_label_map_gives_classes_or_a_class_map_error(text: str) -> None:
    from annotools.classes import label_map

    items, error = [], None
    try:
        items = label_map.parse(text, "x.pbtxt")
    except ClassMapError as caught:
        error = caught
    assert all(isinstance(item.id, int) for item in items)
    if error is not None:
        assert error.path == "x.pbtxt"
        assert error.line in range(1, text.count("\n") + 2)


SHOP = ClassMap.from_names(["clothes", "mobile phone", "T-shirt", "手机", "watch"])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Clothes", "clothes"),
        (" clothes", "clothes"),
        ("clothes\u3000", "clothes"),
        ("ｃｌｏｔｈｅｓ", "clothes"),
        ("mobile_phone", "mobile phone"),
        ("mobile-phone", "mobile phone"),
        ("mobile  phone", "mobile phone"),
        ("MobilePhone", "mobile phone"),
        ("mobile\u00a0phone", "mobile phone"),
        ("tshirt", "T-shirt"),
        ("T\u2013shirt", "T-shirt"),
        ("手\u200b机", "手机"),
        ("cloths", "clothes"),
        ("cllothes", "clothes"),
        ("clithes", "clothes"),
        ("colthes", "clothes"),
        ("Wacth", "watch"),
        ("clohtse", None),
        ("shoes", None),
        ("机手", None),
        ("", None),
        ("-", None),
    ],
)
def test_suggestions(name: str, meant: str | None) -> None:
    assert SHOP.suggest(name) == meant
    with pytest.raises(UnknownClassError) as caught:
        SHOP.id(name)
    assert caught.value.suggestion == meant


def test_among_several_suggestions_the_nearest_then_the_first() -> None:
    assert ClassMap.from_names(["bat", "cat"]).suggest("aat") == "bat"
    assert ClassMap.from_names(["cat", "bat"]).suggest("aat") == "cat"
    # Equal but for case and blanks goes before one typo, however few the edits.
    assert ClassMap.from_names(["cup2", "C U P"]).suggest("cup") == "C U P"
    assert ClassMap.from_names(["CUP", "Cup"]).suggest("cup") == "Cup"


def test_the_error_for_an_unknown_class() -> None:
    with pytest.raises(UnknownClassError) as caught:
        SHOP.index("Clothes ", path="a.xml", line=7)
    assert str(caught.value) == (
        "a.xml:7: name: unknown class, did you mean 'clothes'? (found 'Clothes ', "
        "expected one of 'clothes', 'mobile phone', 'T-shirt', '手机', 'watch')"
    )
    many = ClassMap.from_names([f"class {number:03}" for number in range(200)])
    with pytest.raises(UnknownClassError, match=r"'class 009', \.\.\. \(200 classes\)\)$"):
        many.id("cup")


def test_classes_need_no_numpy() -> None:
    code = "import sys, annotools.classes.class_map; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "labelmap.txt",
            "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncup:128,0,0::\npen, red:0,1,0:a:b\n",
        ),
        ("obj.names", "0 cup\n1 pen, red\n"),
        ("numbered.txt", "1: cup\n2: pen, red\n"),
        ("data.yaml", "train: a\nnames: [cup, 'pen, red']  # two\nnc: 2\n"),
        ("data.yml", 'names:\n- cup\n- "pen, red"\nnc: 2\n'),
        ("data.yaml", "names:\n  # ours\n  1: pen, red\n  0: cup\nval: b\n"),
        ("data", "nc: 2\nnames: {0: cup, 1: 'pen, red'}\n"),
    ],
)
def test_class_files_of_other_tools(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert dict(ClassMap.from_file(path).ids) == {"cup": 1, "pen, red": 2}


@pytest.mark.parametrize(
    "names",
    [["1 euro", "2 euro"], ["2 pieces", "3 parts"], ["0 cup"], ["cup", "1 pen"], ["1 cup", "3 pen"]],
)
def test_names_that_begin_with_a_number_are_names(names: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(names), encoding="utf-8")
    assert ClassMap.from_file(tmp_path / "a.txt").names == tuple(names)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.txt", "# label:color_rgb:parts:actions\ncup:1,2,3\n", 2),
        ("a.yaml", "x: 1\nnames: [cup, pen\n", 2),
        ("a.yaml", "names: []\n", 1),
        ("a.yaml", "name: cup\n", None),
    ],
)
def test_faulty_class_files_of_other_tools(name: str, text: str, line: int | None, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ClassMapError) as caught:
        ClassMap.from_file(tmp_path / name)
    assert caught.value.line == line
    assert caught.value.path == str(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_class_files_with_a_byte_order_mark(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("杯子\npen\n", encoding=encoding)
    assert ClassMap.from_file(tmp_path / "a.txt").names == ("杯子", "pen")
