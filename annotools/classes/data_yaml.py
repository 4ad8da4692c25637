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
    text = _YAML_KEY.sub("", item).strip()
    if text[:1] == "'":
        return text[1:].split("'")[0] if "''" not in text else text.strip("'").replace("''", "'")
    if text[:1] == '"':
        return text[1:].split('"')[0]
    return re.sub(r"[ \t]+#.*", "", text)
