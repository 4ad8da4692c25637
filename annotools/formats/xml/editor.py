"""Edit single values of an XML file and leave every other byte as it is: a diff shows the repair alone.

lxml can tell lines, but not bytes; expat tells both. The document is edited as UTF-8 and goes back into its
own encoding with its own byte-order mark, line ends and blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from xml.parsers import expat

from annotools.errors import ParseError
from annotools.formats.xml.document import BLANK, to_utf8

_START_TAG = re.compile(rb"""<([^\s/>]+)(?:[^>"']|"[^"]*"|'[^']*')*>""")
_DECLARED = re.compile(r"""<\?xml[^>]*?\sencoding\s*=\s*["']([^"']+)["']""")
_BLANK_BYTES = BLANK.encode("ascii")
_CODECS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "gb18030")


@dataclass(slots=True)
class Node:
    """One element. Positions are bytes of the UTF-8 document; `inner_start` is None for `<tag/>`."""

    tag: str
    raw_tag: bytes
    start: int
    inner_start: int | None
    line: int
    end: int = 0
    inner_end: int = 0
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def find(self, tag: str) -> Node | None:
        """The first direct child of that name; the tags of boxes and flags are taken in any case."""
        return next((child for child in self.children if child.tag.lower() == tag), None)

    def all(self, tag: str) -> list[Node]:
        return [child for child in self.children if child.tag == tag]


def _escaped(text: str) -> bytes:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode()


class Name(NamedTuple):
    """The text of a `<name>` with its blanks, and its line."""

    text: str
    line: int


class XmlFile:
    """An annotation file with the positions of its elements. Raises ParseError for what is not XML."""

    def __init__(self, data: bytes) -> None:
        self._original = data
        self._document, self._lines_cut = to_utf8(data)
        self._edits: list[tuple[int, int, bytes]] = []
        self.root = self._read()

    def objects(self) -> list[Node]:
        """The `<object>` elements, in the order of `Annotation.objects`."""
        return self.root.all("object")

    def names(self) -> Iterator[Name | None]:
        """For each object its name as written, None where it has none."""
        for node in self.objects():
            name = node.find("name")
            yield Name(name.text, name.line) if name is not None else None

    def set_text(self, node: Node, text: str) -> None:
        """Replace the text of an element; blanks around the old text stay, comments in it go."""
        new = _escaped(text)
        if node.inner_start is None:
            self._edits.append((node.start, node.end, b"<%s>%s</%s>" % (node.raw_tag, new, node.raw_tag)))
            return
        start, end = node.inner_start, node.inner_end
        old = self._document[start:end]
        if old.strip(_BLANK_BYTES):
            start += len(old) - len(old.lstrip(_BLANK_BYTES))
            end -= len(old) - len(old.rstrip(_BLANK_BYTES))
        self._edits.append((start, end, new))

    def set_whole_text(self, node: Node, text: str) -> None:
        """Replace everything between the tags of an element, blanks too."""
        if node.inner_start is None:
            self.set_text(node, text)
        else:
            self._edits.append((node.inner_start, node.inner_end, _escaped(text)))

    def swap_text(self, a: Node, b: Node) -> None:
        """Exchange what two elements hold, as it is written."""
        if a.inner_start is not None and b.inner_start is not None:
            inner_a = self._document[a.inner_start : a.inner_end]
            inner_b = self._document[b.inner_start : b.inner_end]
            self._edits.append((a.inner_start, a.inner_end, inner_b))
            self._edits.append((b.inner_start, b.inner_end, inner_a))

    def remove(self, node: Node) -> None:
        """Remove an element, with its lines if nothing else is on them."""
        self._edits.append((*self._extent(node), b""))

    def repeat(self, node: Node, left_out: list[list[Node]]) -> None:
        """Replace an element by copies of itself, one for each of `left_out`: the children that it lacks."""
        copies = []
        for gone in left_out:
            text = self._document[node.start : node.end]
            for start, end in sorted(map(self._extent, gone), reverse=True):
                text = text[: start - node.start] + text[end - node.start :]
            copies.append(text)
        before = self._line_start(node.start)
        indent = self._document[before : node.start]
        between = b"" if indent.strip(_BLANK_BYTES) else self._newline(before) + indent
        self._edits.append((node.start, node.end, between.join(copies)))

    def _extent(self, node: Node) -> tuple[int, int]:
        """Where an element begins and ends, with its lines if nothing else is on them."""
        start, end = node.start, node.end
        before = self._line_start(start)
        after = self._document.find(b"\n", end)
        rest = len(self._document) if after < 0 else after + 1
        if not self._document[before:start].strip(_BLANK_BYTES) and not self._document[end:rest].strip(
            _BLANK_BYTES
        ):
            return before, rest
        return start, end

    def insert_before(self, node: Node, pieces: list[tuple[int, str]]) -> None:
        """Insert lines before an element, indented like it; each piece is (further levels, XML text)."""
        before = self._line_start(node.start)
        indent = self._document[before : node.start]
        if indent.strip(_BLANK_BYTES):  # the element does not start its line: no layout to follow
            text = "".join(piece for _, piece in pieces).encode()
            self._edits.append((node.start, node.start, text))
            return
        newline = self._newline(before)
        lines = [indent * (1 + level) + piece.encode() for level, piece in pieces]
        self._edits.append((before, before, b"".join(line + newline for line in lines)))

    def append(self, parent: Node, pieces: list[tuple[int, str]]) -> None:
        """Insert lines at the end of an element, indented like its children; see `insert_before`."""
        text = "".join(piece for _, piece in pieces).encode()
        if parent.inner_start is None:
            before = self._line_start(parent.start)
            unit = self._document[before : parent.start]
            if unit and not unit.strip(_BLANK_BYTES):
                newline = self._newline(before)
                lines = [unit * (2 + level) + piece.encode() for level, piece in pieces]
                text = newline + b"".join(line + newline for line in lines) + unit
            self._edits.append(
                (parent.start, parent.end, b"<%s>%s</%s>" % (parent.raw_tag, text, parent.raw_tag))
            )
            return
        before = self._line_start(parent.inner_end)
        closing = self._document[before : parent.inner_end]
        if closing.strip(_BLANK_BYTES):  # the closing tag does not start its line
            self._edits.append((parent.inner_end, parent.inner_end, text))
            return
        indent = closing + b"\t"
        if parent.children:
            first = parent.children[0].start
            indent = self._document[self._line_start(first) : first]
        newline = self._newline(before)
        unit = indent[len(closing) :]
        lines = [indent + unit * level + piece.encode() for level, piece in pieces]
        self._edits.append((before, before, b"".join(line + newline for line in lines)))

    def to_bytes(self) -> bytes:
        """The file with the edits, in its own encoding.

        Raises ParseError when the encoding cannot be reproduced to the byte; nothing is written then.
        """
        if not self._edits:
            return self._original
        prefix, codec = self._encoding()
        document = self._document
        for start, end, new in sorted(self._edits, reverse=True):
            document = document[:start] + new + document[end:]
        return prefix + document.decode().encode(codec, "xmlcharrefreplace")

    def _encoding(self) -> tuple[bytes, str]:
        """(what stands before the document, its codec), such that they give the original bytes."""
        text = self._document.decode()
        declared = _DECLARED.match(text)
        for codec in (*([declared[1]] if declared else []), *_CODECS):
            try:
                encoded = text.encode(codec)
            except (LookupError, UnicodeError):
                continue
            if self._original.endswith(encoded):
                return self._original[: len(self._original) - len(encoded)], codec
        raise ParseError("the encoding of the file cannot be written back", field="encoding")

    def _line_start(self, position: int) -> int:
        return self._document.rfind(b"\n", 0, position) + 1

    def _newline(self, line_start: int) -> bytes:
        """The line end before a line."""
        return b"\r\n" if self._document[:line_start].endswith(b"\r\n") else b"\n"

    def _read(self) -> Node:
        document = self._document
        stack: list[Node] = [Node("", b"", 0, 0, 0)]
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True

        def start(tag: str, _attributes: object) -> None:
            position = parser.CurrentByteIndex
            found = _START_TAG.match(document, position)
            assert found is not None
            closed = found.group().endswith(b"/>")
            line = parser.CurrentLineNumber + self._lines_cut
            inner = None if closed else found.end()
            stack.append(Node(tag.rpartition(":")[2], found.group(1), position, inner, line, found.end()))

        def end(_tag: str) -> None:
            node = stack.pop()
            if node.inner_start is not None:
                node.inner_end = parser.CurrentByteIndex
                node.end = document.index(b">", node.inner_end) + 1
            stack[-1].children.append(node)

        def characters(text: str) -> None:
            stack[-1].text += text

        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = characters
        try:
            parser.Parse(document, True)
        except expat.ExpatError as error:
            raise ParseError(f"not well-formed XML: {error}", line=error.lineno + self._lines_cut) from error
        return stack[0].children[0]
