"""Did you mean ...? The nearest known name for one that is not known.

Two names are taken for the same when they differ only in case, blanks, hyphens, underscores, invisible
characters or full-width forms; failing that, when one typo lies between them: a character missing, added,
replaced, or exchanged with its neighbour.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable

# With one typo in two letters, any two-letter name would resemble half of all others.
MIN_LENGTH_FOR_TYPO = 3


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, or None.

    Where several fit, the one that is most alike as the names are written wins, then the first.
    """
    key = fold_class(name)
    if not key:
        return None
    keyed = [(fold_class(other), other) for other in known]
    same = [other for other_key, other in keyed if other_key == key]
    close = same or [other for other_key, other in keyed if _one_typo_apart(key, other_key)]
    if len(close) < 2:
        return close[0] if close else None
    from difflib import SequenceMatcher  # 6 ms, and names are rarely ambiguous

    return max(close, key=lambda other: SequenceMatcher(None, name, other).ratio())


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


@functools.lru_cache(4096)
def plain(name: str) -> str:
    """The name without white space around it, of any script, and with one blank for any inside."""
    return " ".join(name.split())


def cleaned(name: str) -> str:
    """The name without what nobody sees; the name itself where nothing would be left.

    Gone are white space around it and in a row, and invisible characters; a letter and its accent become one
    character (NFC). Joiners inside of words stay: scripts need them.
    """
    visible = (
        one
        for one in unicodedata.normalize("NFC", name)
        if unicodedata.category(one) != "Cf" or one in _JOINERS
    )
    return " ".join("".join(visible).split()).strip(_JOINERS) or name


_JOINERS = "\u200c\u200d"


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
