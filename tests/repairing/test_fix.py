"""`fix`: what is repaired, that nothing else changes, and that a second repair finds nothing."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import annotools
from annotools.errors import OptionError, OutputError
from annotools.formats import voc
from annotools.records import Box
from annotools.repair.fix import fix
from annotools.repair.fixes import FIXES, make_fixes
from annotools.repair.repairs import repair
from annotools.repair.result import FixResult
from annotools.repair.xml_patch import patch
from annotools.validation.rules.catalogue import RULES
from annotools.validation.validate import validate

EVERY = [name for name in FIXES if name != "map-classes"]
CASES = Path(__file__).parents[1] / "data" / "voc" / "invalid"


def changed_lines(before: Path, after: Path, encoding: str = "utf-8") -> tuple[list[str], list[str]]:
    """(lines that went, lines that came), line ends included."""
    texts = [path.read_bytes().decode(encoding).splitlines(keepends=True) for path in (before, after)]
    diff = list(difflib.ndiff(texts[0], texts[1]))
    return [line[2:] for line in diff if line[:1] == "-"], [line[2:] for line in diff if line[:1] == "+"]


def run(tree: Any, *fixes: str, **options: Any) -> tuple[FixResult, Path]:
    output = tree.root.parent / "fixed"
    return fix(tree.root, output, fixes=list(fixes), **options), output


FIXABLE = [
    (case, "scale-boxes" if case.name == "scaled" else rule.fix)
    for rule in RULES
    if rule.fix not in (None, "map-classes")
    for case in sorted((CASES / rule.id).glob("*/"))
    # Half an object in the image can be clipped; one that is nowhere in it cannot. Spelling is a matter of
    # map-classes. An EXIF-rotated size is right for the boxes, an unrelated one may be. `no_image_read` has a
    # claim only.
    # An object with nothing but a name has no shape to make a box of.
    if case.name not in ("all_of_it", "case", "full_width", "hyphen", "exif_rotated", "nothing", "unrelated")
]


@pytest.mark.parametrize(("case", "name"), FIXABLE, ids=lambda value: getattr(value, "name", value))
def test_after_its_fix_a_fault_is_gone_and_a_second_fix_changes_nothing(
    case: Path, name: str, tmp_path: Path, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    origin = "one-based" if case.name.endswith("counted_from_one") else "as-written"
    before = snapshot(case)
    first = fix(case, tmp_path / "once", fixes=name, box_origin=origin)
    assert snapshot(case) == before
    assert set(first.counts) == {name}
    rule = case.parent.name
    assert rule not in {issue.rule for issue in validate(tmp_path / "once", box_origin=origin)}
    second = fix(tmp_path / "once", tmp_path / "twice", fixes=name, box_origin=origin)
    assert (second.repairs, second.changed) == ([], 0)
    assert snapshot(tmp_path / "once") == snapshot(tmp_path / "twice")


def test_every_fix_has_a_rule() -> None:
    # of size-mismatch, where the image was resized, and of field-invalid, where a box is given twice
    named_by_findings = {"scale-boxes", "split-object"}
    assert {rule.fix for rule in RULES} - {None} | named_by_findings == set(FIXES)


def test_swap_exchanges_the_two_values_as_they_are_written(tree: Any) -> None:
    tree.add("a", [("shoes", "30.50", 6, "5e0", 35)])
    result, output = run(tree, "swap-inverted")
    went, came = changed_lines(tree.root / "Annotations/a.xml", output / "Annotations/a.xml")
    assert went == ["\t\t\t<xmin>30.50</xmin>\n", "\t\t\t<xmax>5e0</xmax>\n"]
    assert came == ["\t\t\t<xmin>5e0</xmin>\n", "\t\t\t<xmax>30.50</xmax>\n"]
    (one,) = result.repairs
    assert (one.line, one.object_index, result.changed, result.files) == (7, 0, 1, 1)


def test_clip_writes_only_the_sides_that_were_outside(tree: Any) -> None:
    tree.add("a", [("shoes", -3, 6, 30, 35), ("shoes", 5, 6, "61.5", "41.25")])
    _, output = run(tree, "clip")
    went, came = changed_lines(tree.root / "Annotations/a.xml", output / "Annotations/a.xml")
    assert went == ["\t\t\t<xmin>-3</xmin>\n", "\t\t\t<xmax>61.5</xmax>\n", "\t\t\t<ymax>41.25</ymax>\n"]
    assert came == ["\t\t\t<xmin>0</xmin>\n", "\t\t\t<xmax>60</xmax>\n", "\t\t\t<ymax>40</ymax>\n"]


def test_clip_leaves_a_box_that_is_nowhere_in_the_image(tree: Any) -> None:
    tree.add("a", [("shoes", 100, 6, 130, 35)])
    result, output = run(tree, "clip")
    assert result.repairs == []
    assert "box-outside-image" in [issue.rule for issue in validate(output)]
    both = fix(tree.root, output.parent / "both", fixes="clip,drop-zero-area")
    assert both.counts == {"clip": 1, "drop-zero-area": 1}
    assert validate(output.parent / "both").summary.objects == 0


def test_drop_removes_the_lines_of_the_object_alone(tree: Any) -> None:
    tree.add(
        "a", [("shoes", 5, 6, 30, 35), ("pen", 7, 7, 7, 20), ("shoes", 5, 6, 30, 35), ("cup", 1, 2, 20, 30)]
    )
    result, output = run(tree, "drop-zero-area", "drop-duplicates")
    lines = (tree.root / "Annotations/a.xml").read_text().splitlines(keepends=True)
    fixed = (output / "Annotations/a.xml").read_text().splitlines(keepends=True)
    assert fixed == lines[:13] + lines[33:]
    assert result.counts == {"drop-duplicates": 1, "drop-zero-area": 1}
    assert [one.object_index for one in result.repairs] == [1, 2]


def test_size_from_image_replaces_fills_and_inserts(tree: Any) -> None:
    tree.add("a", size=(0, 0, 3))
    tree.add("b", size=("", "", ""))
    tree.add("c", size=None)
    result, output = run(tree, "size-from-image")
    for stem in "abc":
        went, came = changed_lines(tree.root / f"Annotations/{stem}.xml", output / f"Annotations/{stem}.xml")
        if stem == "c":
            assert went == []
            assert came == [
                "\t<size>\n",
                "\t\t<width>60</width>\n",
                "\t\t<height>40</height>\n",
                "\t\t<depth>3</depth>\n",
                "\t</size>\n",
            ]
        else:
            depth = "3" if stem == "a" else ""
            new = f"\t<size><width>60</width><height>40</height><depth>{depth}</depth></size>\n"
            assert (len(went), came) == (1, [new])
    assert result.counts == {"size-from-image": 3}


def test_size_is_left_alone_where_exif_explains_it(tree: Any, make_picture: Callable[..., bytes]) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    tree.add("a", size=(40, 60, 3), image=make_picture(exif=exif.tobytes()))
    tree.add("b", size=None, image=make_picture(exif=exif.tobytes()))
    result, output = run(tree, "size-from-image")
    assert [Path(one.path or "").stem for one in result.repairs] == ["b"]
    assert "<width>40</width>" in (output / "Annotations/b.xml").read_text()


def test_extension_from_content_renames_the_image_in_file_name_and_lists(
    tree: Any, make_picture: Callable[..., bytes]
) -> None:
    tree.add("a", image=make_picture(fmt="PNG"))
    tree.add("ba", image=make_picture())
    tree.lists(train=["a.jpg", "ba.jpg"])
    result, output = run(tree, "extension-from-content")
    assert sorted(path.name for path in (output / "JPEGImages").iterdir()) == ["a.png", "ba.jpg"]
    assert (output / "JPEGImages/a.png").read_bytes() == (tree.root / "JPEGImages/a.jpg").read_bytes()
    assert (output / "ImageSets/Main/train.txt").read_text() == "a.png\nba.jpg\n"
    went, came = changed_lines(tree.root / "Annotations/a.xml", output / "Annotations/a.xml")
    assert (went, came) == (["\t<filename>a.jpg</filename>\n"], ["\t<filename>a.png</filename>\n"])
    assert result.counts == {"extension-from-content": 1}
    assert {issue.rule for issue in validate(output)} == set()


def test_extension_stays_where_the_new_name_is_taken(tree: Any, make_picture: Callable[..., bytes]) -> None:
    tree.add("a", image=make_picture(fmt="PNG"))
    tree.add("a", image=make_picture(fmt="PNG", width=61), xml=None, extension=".png")
    result, output = run(tree, "extension-from-content")
    assert result.repairs == []
    assert (output / "JPEGImages/a.jpg").exists()
    assert "<filename>a.jpg</filename>" in (output / "Annotations/a.xml").read_text()


def test_class_names_are_stripped_and_mapped(tree: Any) -> None:
    tree.add("a", [(" shoes\t", 5, 6, 30, 35), ("Cup &amp; co", 1, 2, 20, 30)])
    result, output = run(tree, "strip-class-names", class_names={"Cup & co": "cup<ü>", "shoes": "shoe"})
    went, came = changed_lines(tree.root / "Annotations/a.xml", output / "Annotations/a.xml")
    assert went == ["\t\t<name> shoes\t</name>\n", "\t\t<name>Cup &amp; co</name>\n"]
    assert came == ["\t\t<name>shoe</name>\n", "\t\t<name>cup&lt;ü&gt;</name>\n"]
    assert result.counts == {"map-classes": 2, "strip-class-names": 1}
    (annotation,) = [voc.parse((output / "Annotations/a.xml").read_bytes())]
    assert [obj.name for obj in annotation.objects] == ["shoe", "cup<ü>"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("declared", "codec", "mark"),
    [
        ("utf-8", "utf-8", b""),
        ("utf-8", "utf-8", b"\xef\xbb\xbf"),
        ("UTF-16", "utf-16-le", b"\xff\xfe"),
        ("UTF-16", "utf-16-be", b"\xfe\xff"),
        ("iso-8859-1", "latin-1", b""),
        ("windows-1252", "cp1252", b""),
        ("GBK", "gbk", b""),
        ("Shift_JIS", "shift_jis", b""),
    ],
)
def test_encoding_mark_and_line_ends_stay(
    tree: Any, make_xml: Callable[..., bytes], declared: str, codec: str, mark: bytes, newline: str
) -> None:
    letters = {"gbk": "杯子", "shift_jis": "コップ"}.get(codec, "cafés")
    text = make_xml("a.jpg", [(letters, 30, 6, 5, 35), ("pen", 7, 7, 7, 20)], None).decode()
    text = f'<?xml version="1.0" encoding="{declared}"?>\n<!-- {letters} -->\n{text}'.replace("\n", newline)
    original = mark + text.encode(codec)
    tree.add("a", xml=original)
    run(tree, "swap-inverted", "size-from-image", "drop-zero-area", class_names={letters: "杯"})
    fixed = (tree.root.parent / "fixed/Annotations/a.xml").read_bytes()
    assert fixed.startswith(mark)
    back = fixed[len(mark) :].decode(codec)
    new_name = "杯" if "杯" in back else "&#26479;"  # what the encoding cannot hold is a reference
    start = text.index("\t<object>")
    end = text.index("\t<object>", start + 1)
    size = "\t<size>\n\t\t<width>60</width>\n\t\t<height>40</height>\n\t\t<depth>3</depth>\n\t</size>\n"
    expected = text[:start] + size.replace("\n", newline) + text[start:end] + f"</annotation>{newline}"
    expected = expected.replace(f"<name>{letters}<", f"<name>{new_name}<")
    expected = expected.replace("<xmin>30<", "<xmin>5<").replace("<xmax>5<", "<xmax>30<")
    assert back == expected
    assert voc.parse(fixed).objects[0].name == "杯"


def test_one_line_file_stays_one_line(tree: Any) -> None:
    text = (
        b"<annotation><filename>a.jpg</filename><object><name>a</name><bndbox><xmin>9</xmin><ymin>2</ymin>"
        b"<xmax>3</xmax><ymax>8</ymax></bndbox></object></annotation>"
    )
    tree.add("a", xml=text)
    run(tree, "swap-inverted", "size-from-image")
    size = b"<size><width>60</width><height>40</height><depth>3</depth></size>"
    expected = text.replace(b"<object>", size + b"<object>").replace(b">9<", b">X<").replace(b">3<", b">9<")
    expected = expected.replace(b"<height>40</height><depth>9<", b"<height>40</height><depth>3<")
    fixed = (tree.root.parent / "fixed/Annotations/a.xml").read_bytes()
    assert fixed == expected.replace(b">X<", b">3<")


@pytest.mark.parametrize(
    "text",
    [
        b"<annotation/>",
        b"<annotation></annotation>",
        b"<annotation>\n  <filename>a.jpg</filename>\n</annotation>\n",
        b"<annotation>\n  <size/>\n</annotation>\n",
        b"<annotation>\n  <size>\n  </size>\n</annotation>\n",
        b"<annotation>\n  <size>\n    <depth>3</depth>\n  </size>\n</annotation>\n",
        b"<annotation><size><!-- ? --></size></annotation>",
    ],
)
def test_size_comes_into_a_file_without_objects(tree: Any, text: bytes) -> None:
    tree.add("a", xml=text)
    _, output = run(tree, "size-from-image")
    fixed = (output / "Annotations/a.xml").read_bytes()
    size = voc.parse(fixed).size
    assert size is not None
    assert (size.width, size.height) == (60, 40)
    assert "size-missing" not in {issue.rule for issue in validate(output)}
    if b"\n" in text:
        assert b"><" not in fixed


def test_a_file_without_repairs_is_the_same_to_the_byte(
    tree: Any, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    tree.add("a").add("b", xml=b"<annotation><broken").lists(train=["a"])
    result, output = run(tree, *EVERY)
    assert snapshot(output) == snapshot(tree.root)
    assert [issue.rule for issue in result.problems] == ["unparsable"]
    assert result.changed == 0


def test_dry_run_says_the_same_and_writes_nothing(tree: Any) -> None:
    tree.add("a", [("shoes", 30, 6, 5, 35)])
    planned, output = run(tree, *EVERY, dry_run=True)
    assert not output.exists()
    done, _ = run(tree, *EVERY)
    assert planned.repairs == done.repairs != []


def test_output_that_exists_is_refused(tree: Any) -> None:
    tree.add("a")
    (tree.root.parent / "fixed").mkdir()
    (tree.root.parent / "fixed" / "precious").write_text("!")
    with pytest.raises(OutputError):
        run(tree, "clip")
    with pytest.raises(OutputError):
        fix(tree.root, tree.root, fixes="clip")
    assert sorted(path.name for path in tree.root.parent.iterdir()) == ["fixed", "voc"]


def test_nothing_is_left_behind_when_writing_fails(tree: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.add("a")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        run(tree, "clip")
    assert [path.name for path in tree.root.parent.iterdir()] == ["voc"]


def test_images_can_be_linked_or_left_out(tree: Any) -> None:
    tree.add("a")
    fix(tree.root, tree.root.parent / "linked", fixes="clip", images="link")
    assert (tree.root.parent / "linked/JPEGImages/a.jpg").samefile(tree.root / "JPEGImages/a.jpg")
    fix(tree.root, tree.root.parent / "bare", fixes="clip", images="none")
    assert not (tree.root.parent / "bare/JPEGImages").exists()


def test_archive_becomes_a_folder(tree: Any, snapshot: Callable[[Path], dict[str, bytes]]) -> None:
    tree.add("a", [("shoes", 30, 6, 5, 35)]).lists(train=["a"])
    archive = shutil.make_archive(str(tree.root.parent / "packed"), "gztar", tree.root)
    fix(archive, tree.root.parent / "from_archive", fixes="swap-inverted")
    run(tree, "swap-inverted")
    assert snapshot(tree.root.parent / "from_archive") == snapshot(tree.root.parent / "fixed")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"fixes": "cilp"}, "--fix"),
        ({"fixes": ""}, "--fix"),
        ({"fixes": "map-classes"}, "--map-class"),
        ({"fixes": "clip", "class_names": {"a": " "}}, "--map-class"),
        ({"fixes": "clip", "images": "move"}, "--images"),
        ({"fixes": "clip", "box_origin": "two"}, "--box-origin"),
    ],
)
def test_options_that_make_no_sense(tree: Any, options: dict[str, Any], field: str) -> None:
    tree.add("a")
    with pytest.raises(OptionError) as caught:
        fix(tree.root, tree.root.parent / "fixed", **options)
    assert caught.value.field == field


coordinates = st.integers(-20, 80).map(float) | st.floats(-20, 80)
boxes = st.builds(Box, coordinates, coordinates, coordinates, coordinates)


@settings(max_examples=100)
@given(st.lists(boxes, max_size=5), st.booleans(), st.booleans())
def test_record_and_file_are_repaired_alike_and_all_box_faults_are_gone(
    drawn: list[Box], one_based: bool, drop: bool
) -> None:
    from annotools.testing import make_annotation
    from annotools.validation.rules.box import boxes as judge
    from annotools.validation.rules.rule import Sample

    annotation = make_annotation([("cup", *box.as_tuple()) for box in drawn], width=60, height=40)
    data = voc.to_xml(annotation)
    annotation = voc.parse(data)
    fixes = make_fixes(["swap-inverted", "clip", "drop-duplicates", *(["drop-zero-area"] if drop else [])])
    repaired = repair(annotation, fixes, width=60, height=40, one_based=one_based)
    fixed, _ = patch(data, annotation, repaired)
    read_back = voc.parse(fixed).objects
    assert len(read_back) == len(repaired.annotation.objects) == len(repaired.kept)
    for there, here in zip(read_back, repaired.annotation.objects, strict=True):
        assert there.bndbox is not None
        assert here.bndbox is not None
        assert there.bndbox.as_tuple() == pytest.approx(here.bndbox.as_tuple())
    left = judge(Sample(repaired.annotation, width=60, height=40, one_based=one_based))
    if drop:
        assert left == []
    assert "box-inverted" not in {issue.rule for issue in left}
    again = repair(repaired.annotation, fixes, width=60, height=40, one_based=one_based)
    assert again.repairs == ()


def test_float_noise_is_not_clipped(tree: Any) -> None:
    tree.add("a", [("shoes", "-0.0004", 6, "60.0000001", 35)])
    result, output = run(tree, "clip")
    assert result.repairs == []
    assert (output / "Annotations/a.xml").read_bytes() == (tree.root / "Annotations/a.xml").read_bytes()


def test_fix_is_a_name_of_the_package(tree: Any, tmp_path: Path) -> None:
    tree.add("one", [("shoes", 5, 6, 5, 35), ("shoes", 5, 6, 30, 35)])
    result = annotools.fix(tree.root, tmp_path / "out", fixes="drop-zero-area")
    assert isinstance(result, annotools.FixResult)
    assert result.counts == {"drop-zero-area": 1}
