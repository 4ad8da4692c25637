"""Anything as an annotation file."""

from __future__ import annotations

from annotools.errors import ParseError
from annotools.formats import voc
from annotools.formats.xml import document


def check(data: bytes) -> None:
    """A record and issues, or issues alone; both ways to read agree; what is written reads the same."""
    annotation, issues = voc.inspect(data, "x")
    errors = [issue for issue in issues if issue.severity == "error"]
    names = voc.object_names(data, "x")
    assert all(isinstance(name, str) for name in names)
    voc.schema_issues(data, "x")
    for issue in issues:
        assert issue.path == "x"
        assert issue.line is None or issue.line >= 1
        assert "\n" not in str(issue)
    if annotation is None:
        assert errors
    else:
        for issue in issues:
            assert issue.object_index is None or 0 <= issue.object_index < len(annotation.objects)
    try:
        parsed = voc.parse(data, "x")
    except ParseError as error:
        assert errors
        assert error.path == "x"
        return
    assert not errors
    assert parsed == annotation
    assert names == [obj.name for obj in parsed.objects]
    utf8, lines_cut = document.to_utf8(data)
    assert voc._read_document(utf8, "x", lines_cut)[0] == parsed  # through lxml, not by expressions
    assert voc.parse(voc.to_xml(parsed)) == parsed
