"""Images that are copies or frames of one picture by their names: a, a_flip, a_rot90; clip1_0001."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_WAYS = (
    r"[hv]?flip(?:ped|lr|ud)?|mirror(?:ed)?|rot(?:ate|ated)?\d*|aug(?:mented)?\d*|crop(?:ped)?\d*|blur(?:red)?|"
    r"nois[ey]|bright(?:ness)?|dark(?:er)?|contrast|gr[ae]y|hue|shift\d*|scaled?\d*|zoom\d*|copy\d*|tile\d*|\d{1,3}"
)
_SUFFIX = re.compile(rf"[ _-]+\(?(?:{_WAYS})\)?(?:[ _-]\d{{1,3}})?", re.IGNORECASE)
_FRAME = re.compile(
    r"(.*(?:clip|video|vid|seq|sequence|scene|cam|camera|shot|movie|frame).*?)"
    r"[_\-/ ]*(?:frame|img|f)?[_-]?\d+",
    re.IGNORECASE,
)
COPIES = rf"^(.+?)(?=(?:[ _-]+\(?(?:{_WAYS})\)?(?:[ _-]\d{{1,3}})?)$|$)"
FRAMES = r"^(.*?)[_\-/ ]*(?:frame|img|f)?[_-]?\d+$"
_FEWEST = 3
"""Images that must be derived from others, or frames that a clip must have in the mean, before it is said."""


def find_families(ids: Iterable[str]) -> tuple[str, list[list[str]]] | None:
    """What kind of families the images are, "copies" or "frames", and the ids of each; None without any.

    ids   in sorted order
    """
    names = list(ids)
    copies: dict[str, list[str]] = {}
    known: list[str] = []  # ids that the next one may begin with
    for name in names:
        while known and not name.startswith(known[-1]):
            known.pop()
        for base in known:
            if _SUFFIX.fullmatch(name, len(base)):
                copies.setdefault(base, [base]).append(name)
                break
        known.append(name)
    if sum(len(family) - 1 for family in copies.values()) >= _FEWEST:
        return "copies", list(copies.values())
    frames: dict[str, list[str]] = {}
    for name in names:
        if found := _FRAME.fullmatch(name):
            frames.setdefault(found[1], []).append(name)
    if len(frames) > 1 and sum(map(len, frames.values())) >= _FEWEST * len(frames):
        return "frames", list(frames.values())
    return None


def shortest_regex(kind: str, families: list[list[str]], ids: list[str]) -> str | None:
    """A `--group-by` that keeps each family together, and not all images; None where none was found."""
    for regex in _candidates(kind, families):
        pattern = re.compile(regex)
        group = {name: found[1] if (found := pattern.search(name)) else name for name in ids}
        is_whole = all(len({group[name] for name in family}) == 1 for family in families)
        apart = len(set(group.values()))
        wanted = len(ids) - sum(len(family) - 1 for family in families)
        if is_whole and 2 * apart > wanted and apart > 1:
            return regex
    return None


def _candidates(kind: str, families: list[list[str]]) -> Iterator[str]:
    if kind == "frames":
        yield FRAMES
        return
    shapes = {re.sub(r"\d+", r"\\d+", re.escape(family[0])) for family in families}
    if len(shapes) == 1:
        yield f"^({shapes.pop()})"
    endings = sorted({name[len(family[0]) :] for family in families for name in family[1:]}, key=len)
    if len(endings) <= 12:
        yield f"^(.+?)(?:{'|'.join(map(re.escape, reversed(endings)))})?$"
    yield COPIES
