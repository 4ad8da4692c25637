"""Did you mean ...? The nearest known name for one that is not known.

Two names are taken for the same when they differ only in case, blanks, hyphens, underscores, invisible
characters or full-width forms; failing that, when one typo lies between them: a character missing, added,
replaced, or exchanged with its neighbour.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# With one typo in two letters, any two-letter name would resemble half of all others.
MIN_LENGTH_FOR_TYPO = 3


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, or None.

    Where several fit, the one with the fewest edits on the names as they are written wins, then the first.
    """
    key = fold_class(name)
    if not key:
        return None
    keyed = [(fold_class(other), other) for other in known]
    same = [other for other_key, other in keyed if other_key == key]
    close = same or [other for other_key, other in keyed if _one_typo_apart(key, other_key)]
    return min(close, key=lambda other: _edits(name, other), default=None)


def fold_class(name: str) -> str:
    """What two class names have in common that differ only in how they are written."""
    # NFKC turns full-width letters and no-break blanks into plain ones; it runs again after casefold,
    # which can produce characters that are not normalised (for example from U+1E9E or U+0345).
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(
        character
        for character in folded
        if character != "_"
        and not character.isspace()
        and unicodedata.category(character) not in ("Pd", "Cf")
    )


def _one_typo_apart(a: str, b: str) -> bool:
    if len(a) > len(b):
        a, b = b, a
    if len(b) < MIN_LENGTH_FOR_TYPO or len(b) - len(a) > 1:
        return False
    start = 0
    while start < len(a) and a[start] == b[start]:
        start += 1
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    replaced = a[start + 1 :] == b[start + 1 :]
    exchanged = a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]
    return replaced or exchanged


def _edits(a: str, b: str) -> int:
    """Optimal string alignment distance: insertions, deletions, replacements, neighbours exchanged."""
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        row = [i]
        for j, y in enumerate(b, start=1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        before_last, last = last, row
    return last[-1]
