"""The class names of YOLO's data.yaml."""

from __future__ import annotations

import re

from annotools.errors import ClassMapError

_YAML_KEY = re.compile(r"\d+[ \t]*:[ \t]+")


YAML_NAMES = re.compile(r"^names[ \t]*:", re.MULTILINE)


def names_in_yaml(text: str, path: str) -> list[tuple[int, str]]:
    """The `names` of a YOLO data.yaml: a list or `number: name`, in one line or in several."""
    start = YAML_NAMES.search(text)
    if start is None:
        raise ClassMapError("no class names", path=path, expected="names: [...] as in YOLO's data.yaml")
    line = text.count("\n", 0, start.start()) + 1
    rest = text[start.end() :]
    if rest.lstrip(" \t")[:1] in ("[", "{"):
        inside = re.match(r"[ \t]*[\[{]((?:'(?:[^']|'')*'|\"[^\"]*\"|[^\]}])*)[\]}]", rest)
        if inside is None:
            raise ClassMapError("a list without an end", path=path, line=line, field="names")
        items = re.findall(r"(?:'(?:[^']|'')*'|\"[^\"]*\"|[^,'\"])+", inside[1])
        found = [(line, item.strip()) for item in items if item.strip()]
    else:
        found = []
        for number, row in enumerate(rest.split("\n")[1:], start=line + 1):
            if not row.strip() or row.lstrip().startswith("#"):
                continue
            if not (row[:1].isspace() or row.startswith("- ")):
                break
            found.append((number, row.strip().removeprefix("- ")))
    if found and all(_YAML_KEY.match(item) for _, item in found):
        found.sort(key=lambda one: int(one[1].partition(":")[0]))
    names = [(number, _yaml_name(item)) for number, item in found]
    if not names:
        raise ClassMapError("no class names", path=path, line=line, field="names")
    return names


def _yaml_name(item: str) -> str:
    """`cup` of `cup`, `'cup'`, `0: cup` and `cup  # comment`."""
    key = _YAML_KEY.match(item)
    text = item[key.end() if key else 0 :].strip()
    if single := re.match(r"'((?:[^']|'')*)'", text):
        return single[1].replace("''", "'")
    if double := re.match(r'"((?:[^"\\]|\\.)*)"', text):
        return _ESCAPED.sub(_unescaped, double[1])
    return re.sub(r"[ \t]+#.*", "", text)


_ESCAPED = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|.)")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _LETTERS.get(code, code)


def quoted(name: str) -> str:
    """A text as YAML: in single quotes, or in double ones with escapes for what is not printable."""
    if name.isprintable():
        return "'" + name.replace("'", "''") + "'"
    return '"' + "".join(map(_escaped, name)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
