"""The label map of the TF Object Detection API, read from the protocol buffers text format.

    item { id: 1 name: 'cup' display_name: 'a cup' }

The message is StringIntLabelMap (object_detection/protos/string_int_label_map.proto). The reader follows the
text format specification (https://protobuf.dev/reference/protobuf/textformat-spec/): fields in any order,
`{}` or `<>`, comments, either quote, escapes, adjacent strings joined, lists. Fields that say nothing about
names and ids (keypoints, frequency, ...) are read over, whatever they contain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from annotools.errors import ClassMapError

MAX_DEPTH = 100


class Item(NamedTuple):
    """One `item`; `line` is where it starts, from 1. An absent id is 0, as in the message."""

    id: int
    name: str | None
    display_name: str | None
    line: int


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


# Compiled when a label map is read: one is written much more often.
_TOKEN = r"""(?P<blank>[\s\ufeff]+ | \#[^\n]*)
      | (?P<string>"(?:[^"\\\n]|\\[^\n])*" | '(?:[^'\\\n]|\\[^\n])*')
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9.][A-Za-z0-9_.+]*(?:(?<=[eE])-[0-9]+[fF]?)?)
      | (?P<sign>[{}<>\[\]:;,/-])"""
_ESCAPE = (
    rb"\\(?:(?P<octal>[0-7]{1,3})|[xX](?P<hex>[0-9A-Fa-f]{1,2})"
    rb"|u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})|(?P<letter>.))"
)
_LETTERS = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
    b"\\": b"\\", b"'": b"'", b'"': b'"', b"?": b"?",
}  # fmt: skip
_CLOSING = {"{": "}", "<": ">"}


def looks_like_label_map(text: str) -> bool:
    """Whether the first thing that is not a comment opens an `item`."""
    return re.match(r"(?:\s|#[^\n]*\n)*item\s*(?::\s*)?[{<\[]", text) is not None


def parse(text: str, path: str | None = None) -> list[Item]:
    """The items of a label map, in file order; ClassMapError with path and line where it is malformed."""
    return _Parser(text, path).items()


def write(items: Iterable[tuple[int, str, str | None]]) -> str:
    """The label map of (id, name, display name or None); quotes and controls escaped, all else in UTF-8."""
    pieces = []
    for id, name, display_name in items:
        pieces.append(f"item {{\n  id: {id}\n  name: {_quote(name)}\n")
        if display_name is not None:
            pieces.append(f"  display_name: {_quote(display_name)}\n")
        pieces.append("}\n")
    return "".join(pieces)


def _quote(text: str) -> str:
    # Only characters that would end the string, start an escape or be invisible in an editor are escaped:
    # the C++ parser of TensorFlow refuses raw line breaks, and \x7f and below need one octal escape each.
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(
        named.get(c) or (f"\\{ord(c):03o}" if c < " " or c == "\x7f" else c) for c in text
    ) + '"'  # fmt: skip


class _Parser:
    def __init__(self, text: str, path: str | None) -> None:
        self.path = path
        self.tokens = self._tokenize(text)
        self.position = 0

    def _error(
        self, message: str, line: int, found: object = None, expected: str | None = None
    ) -> ClassMapError:
        return ClassMapError(message, path=self.path, line=line, found=found, expected=expected)

    def _tokenize(self, text: str) -> list[_Token]:
        tokens = []
        token_at = re.compile(_TOKEN, re.VERBOSE).match
        line, position = 1, 0
        while position < len(text):
            match = token_at(text, position)
            if match is None:
                rest = text[position:].split("\n", 1)[0]
                what = "a string is not closed on its line" if rest[0] in "\"'" else "unexpected character"
                raise self._error(what, line, found=rest)
            if match.lastgroup != "blank":
                tokens.append(_Token(match.lastgroup or "", match[0], line))
            line += match[0].count("\n")
            position = match.end()
        return [*tokens, _Token("end", "", line)]

    @property
    def _next(self) -> _Token:
        return self.tokens[self.position]

    def _take(self) -> _Token:
        token = self.tokens[self.position]
        if token.kind != "end":
            self.position += 1
        return token

    def _accept(self, *texts: str) -> _Token | None:
        # A string token keeps its quotes, so it can never be mistaken for a sign.
        return self._take() if self._next.text in texts and self._next.kind == "sign" else None

    def _expect(self, *texts: str) -> _Token:
        token = self._accept(*texts)
        if token is None:
            what = "the label map ends too early" if self._next.kind == "end" else "malformed label map"
            expected = " or ".join(repr(text) for text in texts)
            raise self._error(what, self._next.line, found=self._next.text or None, expected=expected)
        return token

    def items(self) -> list[Item]:
        items: list[Item] = []
        while self._next.kind != "end":
            field = self._field_name()
            if field != "item":
                self._skip_value(0)
            else:
                self._accept(":")
                if self._accept("["):
                    while not self._accept("]"):
                        items.append(self._item())
                        if self._next.text != "]":
                            self._expect(",")
                else:
                    items.append(self._item())
            self._accept(",", ";")
        return items

    def _field_name(self) -> str:
        if self._accept("["):  # an extension or an Any: [package.field] or [domain/package.Type]
            while not self._accept("]"):
                if self._take().kind == "end":
                    self._expect("]")
            return "["
        token = self._take()
        if token.kind != "word":
            raise self._error("malformed label map", token.line, token.text or None, "a field name")
        return token.text

    def _item(self) -> Item:
        opening = self._expect("{", "<")
        values: dict[str, int | str] = {}
        while not self._accept(_CLOSING[opening.text]):
            if self._next.kind == "end":
                self._expect(_CLOSING[opening.text])
            line = self._next.line
            field = self._field_name()
            if field in ("id", "name", "display_name"):
                if field in values:
                    raise self._error(f"an item has {field} twice", line)
                self._expect(":")
                values[field] = self._integer() if field == "id" else self._string()
            else:
                self._skip_value(0)
            self._accept(",", ";")
        id, name, display_name = values.get("id", 0), values.get("name"), values.get("display_name")
        assert isinstance(id, int)
        assert not isinstance(name, int)
        assert not isinstance(display_name, int)
        return Item(id, name, display_name, opening.line)

    def _integer(self) -> int:
        sign = -1 if self._accept("-") else 1
        token = self._take()
        text = token.text
        try:
            # The text format reads numbers as C does: 0x1f is hexadecimal, 017 is octal.
            octal = re.fullmatch("0[0-7]+", text)
            return sign * (int(text, 8) if octal else int(text, 16 if text[:2] in ("0x", "0X") else 10))
        except ValueError:
            raise self._error("malformed id", token.line, text or None, "an integer") from None

    def _string(self) -> str:
        line = self._next.line
        if self._next.kind != "string":
            raise self._error("malformed name", line, self._next.text or None, "a quoted string")
        pieces = []
        while self._next.kind == "string":
            token = self._take()
            body = token.text[1:-1].encode("utf-8", "surrogatepass")
            pieces.append(re.sub(_ESCAPE, lambda match: self._unescape(match, line), body, flags=re.DOTALL))
        try:
            return b"".join(pieces).decode("utf-8")
        except UnicodeDecodeError:
            raise self._error("a string is not UTF-8", line, b"".join(pieces)) from None

    def _unescape(self, match: re.Match[bytes], line: int) -> bytes:
        if match["octal"] and int(match["octal"], 8) < 256:
            return bytes([int(match["octal"], 8)])
        if match["hex"]:
            return bytes([int(match["hex"], 16)])
        code = match["u"] or match["U"]
        if code and int(code, 16) <= 0x10FFFF:
            return chr(int(code, 16)).encode("utf-8", "surrogatepass")
        if match["letter"] in _LETTERS:
            return _LETTERS[match["letter"]]
        raise self._error("unknown escape", line, match[0].decode("utf-8", "replace"))

    def _skip_value(self, depth: int) -> None:
        """Read over `: scalar`, `: [values]` or a message in braces, whatever its fields are."""
        if depth > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH}", self._next.line)
        self._accept(":")
        opening = self._accept("{", "<")
        if opening:
            while not self._accept(_CLOSING[opening.text]):
                self._field_name()
                self._skip_value(depth + 1)
                self._accept(",", ";")
        elif self._accept("["):
            while not self._accept("]"):
                self._skip_value(depth + 1)
                if self._next.text != "]":
                    self._expect(",")
        elif self._next.kind == "string":
            self._string()
        else:
            self._accept("-")
            token = self._take()
            if token.kind not in ("word", "number"):
                raise self._error("malformed label map", token.line, token.text or None, "a value")
