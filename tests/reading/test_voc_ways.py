"""The short way (voc_plain) and the long way (voc_reader) agree, and no bytes make either fail."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotools import testing
from annotools.errors import ParseError
from annotools.formats import voc
from annotools.formats.xml import fast_reader
from annotools.records import Annotation

VOC = Path(__file__).parents[1] / "data" / "voc"
FILES = sorted(VOC.glob("*/*.xml")) + sorted(VOC.glob("invalid/*/*.xml"))
SLOW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(testing.annotations(), st.sampled_from([b"", b"<?xml version='1.0' encoding='utf-8'?>\n"]))
def test_both_ways_through_what_the_writer_makes(annotation: Annotation, declaration: bytes) -> None:
    data = declaration + voc.to_xml(annotation)
    _assert_both_ways_agree(data)


def _layout() -> st.SearchStrategy[str]:
    return st.sampled_from(["\n", "\r\n", "", "\n\t", " ", "\n\n"])


_TEXTS = st.sampled_from(
    ["dog", " dog ", "smart  watch", "手机", "a\u3000", "a&amp;b", "a\tb", "x>y", "a\x7f", "]]", " "]
)
_POSITIONS = st.sampled_from(["1", "0", "-3", "12.5", "1e3", " 7 ", "007", "9" * 16, "2.", "-0"])
_FLAGS = st.sampled_from(["0", "1", "", "true"])


@st.composite
def nearly_plain_files(draw: st.DrawFn) -> bytes:
    """Files of the usual layout in which here and there something is not as usual."""

    def element(tag: str, value: str) -> str:
        return f"<{tag}>{value}</{tag}>{draw(_layout())}"

    def some(tag: str, values: st.SearchStrategy[str]) -> str:
        return element(tag, draw(values)) if draw(st.booleans()) else ""

    items = []
    for _ in range(draw(st.integers(0, 3))):
        tags = draw(st.sampled_from([("xmin", "ymin", "xmax", "ymax"), ("xmin", "xmax", "ymin", "ymax")]))
        box = element("bndbox", draw(_layout()) + "".join(element(tag, draw(_POSITIONS)) for tag in tags))
        fields = [
            element("name", draw(_TEXTS)), some("pose", _TEXTS), some("truncated", _FLAGS),
            some("difficult", _FLAGS), some("occluded", _FLAGS), box,
        ]  # fmt: skip
        rare = st.sampled_from(
            ["", "", "", "<extra/>", "<part><name>p</name></part>", "<!-- c -->", "<a><b/> </a>"]
        )
        items.append(element("object", draw(_layout()) + "".join(fields) + draw(rare)))
    whole = st.sampled_from(["5", "500", "", "x"])
    size = "".join(element(tag, draw(whole)) for tag in ("width", "height", "depth"))
    owner = "".join(some(tag, _TEXTS) for tag in ("flickrid", "name"))
    source = "".join(some(tag, _TEXTS) for tag in ("database", "annotation", "image", "flickrid"))
    head = "".join(
        [
            some("folder", _TEXTS), some("filename", _TEXTS), some("path", _TEXTS),
            some("source", st.just(draw(_layout()) + source)),
            some("owner", st.just(draw(_layout()) + owner)),
            some("size", st.just(draw(_layout()) + size)),
            some("segmented", _FLAGS),
        ]
    )  # fmt: skip
    start = draw(
        st.sampled_from(
            ["<annotation>", '<annotation verified="yes">', '<?xml version="1.0"?>\n<annotation>']
        )
    )
    between = draw(st.sampled_from(["", "", "", "<note>1</note>", "text"]))
    return (start + draw(_layout()) + head + between.join(items) + "</annotation>" + draw(_layout())).encode()


@settings(SLOW, max_examples=200)
@given(nearly_plain_files())
def test_both_ways_through_nearly_plain_files(data: bytes) -> None:
    _assert_both_ways_agree(data)


def _assert_both_ways_agree(data: bytes) -> None:
    plain = fast_reader.parse(data)
    annotation, issues = voc.inspect(data)
    if plain is not None:
        reader = voc._read_document(data, None, 0)
        assert dataclasses.asdict(reader[0]) == dataclasses.asdict(plain)  # lines too
        assert reader[1] == []
        assert issues == []
    assert annotation is not None
    assert voc.object_names(data) == [item.name for item in annotation.objects]


def test_usual_files_take_the_short_way() -> None:
    names = ("labelimg", "voc2007", "roboflow", "negative")
    usual = [voc.read_bytes(VOC / "valid" / f"{name}.xml") for name in names]
    assert all(fast_reader.parse(data) is not None for data in usual)
    assert all(fast_reader.object_names(data) for data in usual[:3])


@pytest.mark.parametrize("character", ["\x00", "\x1f", "\ufffe", "\uffff", "&", "<", "]]>"])
def test_what_xml_forbids_is_not_plain(character: str) -> None:
    data = (VOC / "valid" / "labelimg.xml").read_text().replace("Unspecified", f"a{character}b").encode()
    assert fast_reader.parse(data) is None
    assert voc.inspect(data)[0] is None


def test_names_in_comments_and_cdata_do_not_count() -> None:
    for start, end in (("<!--", "-->"), ("<x><![CDATA[", "]]></x>")):
        inside = f"<name>a</name>{start}</object><object><name>b</name>{end}"
        data = f"<annotation><object>{inside}</object></annotation>"
        assert voc.object_names(data.encode()) == ["a"]


@SLOW
@given(st.data())
def test_no_bytes_make_the_reader_fail(data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(FILES)).read_bytes()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(source)))
        length = data.draw(st.sampled_from([0, 1, 1, 5, 50]))
        piece = data.draw(st.binary(max_size=4) | st.sampled_from(_PIECES))
        source = source[:start] + piece + source[start + length :]
    annotation, issues = voc.inspect(source)
    if annotation is None:
        assert [issue.severity for issue in issues] == ["error"]
    elif not any(issue.severity == "error" for issue in issues):
        assert voc.parse(voc.to_xml(annotation)) == annotation
    try:
        voc.parse(source)
    except ParseError:
        assert any(issue.severity == "error" for issue in issues)
    voc.object_names(source)
    voc.schema_issues(source)


_PIECES = [
    b"<", b">", b"</", b"&", b"&#0;", b"&#13;", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<?x ?>",
    b"<object>", b"</object>", b"<annotation>", b"</annotation>", b"<name>", b"<bndbox>", b"<x:y/>",
    b' xmlns="u"', b' a="1"', b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80",
    *[b'<?xml version="1.0" encoding="%s"?>' % name for name in (b"utf-7", b"iso2022_jp", b"hex", b"idna")],
    b"<polygon><x1>1</x1></polygon>", b"<attributes><attribute><name/></attribute></attributes>",
    b"<robndbox><cx/></robndbox>",
]  # fmt: skip


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    annotation, issues = voc.inspect(data)
    assert annotation is None
    assert issues[0].rule in ("unparsable", "encoding")
