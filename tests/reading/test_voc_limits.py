"""What hostile files cost: not a second, not 100 MB, and nothing from outside is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from annotools.formats import voc


def one(inside: str) -> bytes:
    """A file with one object."""
    return f"<annotation>\n<object>{inside}</object>\n</annotation>".encode()


BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"


def _peak_of(code: str, tmp_path: Path) -> tuple[float, float, str]:
    """(seconds of CPU, MiB of memory beyond the imports, output) of code in a process of its own."""
    script = f"""
import resource, time
from annotools.formats import voc
from annotools.errors import ParseError
voc.schema_issues(b'<annotation/>')
before = resource.getrusage(resource.RUSAGE_SELF)
try:
    {code}
    print('read')
except ParseError as error:
    print(error)
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
print((after.ru_maxrss - before.ru_maxrss) / 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    *message, seconds, memory = done.stdout.splitlines()
    return float(seconds), float(memory), "\n".join(message)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize(
    "start", [b"<annotation>", b'<?xml version="1.0" encoding="utf-16"?>', b"\xff\xfe<\x00"]
)
def test_two_gigabytes_are_refused_before_they_are_read(tmp_path: Path, start: bytes) -> None:
    with (tmp_path / "huge.xml").open("wb") as file:
        file.write(start)
        file.truncate(2 * 1024**3)  # sparse: takes no room on the disk
    seconds, memory, output = _peak_of("voc.parse(voc.read_bytes('huge.xml'))", tmp_path)
    assert "too large" in output
    assert "huge.xml" in output
    assert seconds < 1
    assert memory < 10  # the limit is 100; but nothing beyond the first buffer may be read


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux only")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            "b'<!DOCTYPE annotation [<!ENTITY a \"' + b'x' * 50_000 + b'\">]><annotation>'"
            " + b'&a;' * 50_000 + b'</annotation>'",
            "document type declaration",
        ),
        (
            "b'<!DOCTYPE a [<!ENTITY a0 \"lol\">'"
            " + b''.join(b'<!ENTITY a%d \"%s\">' % (i + 1, b'&a%d;' % i * 10) for i in range(12))"
            " + b']><annotation><filename>&a12;</filename></annotation>'",
            "document type declaration",
        ),
        ("b'<annotation>' * 1_000_000", "depth"),
        ("b'<annotation>' + b'<a>' * 1_000_000", "depth"),
        ("b'<annotation>' + b'<a>' * 1000 + b'</a>' * 1000 + b'</annotation>'", "depth"),
        ("bytes(voc.MAX_BYTES + 1)", "too large"),
    ],
)
def test_bombs_end_quickly_and_small(tmp_path: Path, make: str, message: str) -> None:
    seconds, memory, output = _peak_of(f"voc.parse({make}, 'bomb.xml')", tmp_path)
    assert message in output
    assert "bomb.xml" in output
    assert seconds < 1
    # what the code above builds for itself is at most voc.MAX_BYTES
    assert memory < 100 + (65 if "MAX_BYTES" in make else 0)


def test_nothing_outside_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("swordfish")
    body = f"<name>&x;</name>{BOX}"
    general = f'<!ENTITY x SYSTEM "{secret.as_uri()}">'
    parameter = f'<!ENTITY % p SYSTEM "{secret.as_uri()}"> %p;'
    for declaration in (general, parameter):
        data = f"<!DOCTYPE annotation [{declaration}]>".encode() + one(body)
        for encoded in (data, data.decode().encode("utf-16")):
            annotation, issues = voc.inspect(encoded)
            assert annotation is None
            assert [issue.rule for issue in issues] == ["unparsable"]
            assert "swordfish" not in str(issues)
    include = (
        f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret.as_uri()}" parse="text"/>'
    )
    annotation = voc.parse(one(f"<name>a</name>{BOX}{include}"))
    assert "swordfish" not in str(annotation)


def test_predefined_entities_and_character_references_are_fine() -> None:
    data = one(f"<name>&lt;&amp;&gt;&quot;&apos;&#233;&#x6F22;</name>{BOX}")
    assert voc.parse(data).objects[0].name == "<&>\"'é漢"
