"""Ids of pairs, the same in every run: as short as they can be without a clash.

The stem with its location in the data set but without the split folder ("shelf/a" of train/shelf/a.xml);
where two rows would share that, the location with the split, then the whole name, then with its extension.
Annotations choose before images that have none. Ids are in Unicode form NFC; bytes of a name that are not
UTF-8 become escapes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from annotools.sources.catalogue import Catalogue
from annotools.sources.file_kinds import split_extension
from annotools.sources.names import in_order

_ROWS = """
SELECT pair.rowid, location || stem, folder || stem || extension
FROM pair JOIN pattern ON number = coalesce(xml, image) WHERE id IS NULL AND {who}
"""
_CHOSEN = """
UPDATE pair SET id = (SELECT wish.id FROM wish WHERE wish.pair = pair.rowid)
WHERE rowid IN (
    SELECT min(wish.pair) FROM wish GROUP BY wish.id
    HAVING count(*) = 1 AND NOT EXISTS (SELECT 1 FROM pair other WHERE other.id = wish.id AND {rivals}))
"""
_SHARED = """
UPDATE pair SET stem = coalesce(stem, id), id = NULL
WHERE {who} AND id IN (SELECT id FROM pair WHERE {rivals} GROUP BY id HAVING count(*) > 1)
"""


def clean(text: str | bytes) -> str:
    """An id as it is written down."""
    if isinstance(text, bytes):  # SQLite has no texts with lone surrogates
        text = text.decode("utf-8", "surrogatepass")
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text).encode("utf-8", "backslashreplace").decode()


def give_ids(catalogue: Catalogue, *, is_sorted: bool) -> bool:
    """Give other ids to pairs that share theirs. Returns whether the pairs are in the order of their ids.

    is_sorted   whether they were before, and have numbers from 1 without a gap
    """
    if is_sorted:
        neighbours = "SELECT 1 FROM pair a JOIN pair b ON b.rowid = a.rowid + 1 WHERE a.id = b.id LIMIT 1"
        if catalogue.execute(neighbours).fetchone() is None:
            return True
    catalogue.execute("CREATE INDEX pair_id ON pair(id)")
    shared = "SELECT 1 FROM pair GROUP BY id HAVING count(*) > 1 LIMIT 1"
    if catalogue.execute(shared).fetchone() is not None:
        _choose(catalogue, "xml IS NOT NULL", "xml IS NOT NULL")
        _choose(catalogue, "xml IS NULL", "id IS NOT NULL")
    return False


def _choose(catalogue: Catalogue, who: str, rivals: str) -> None:
    """Ids for the rows `who` that neither two of them nor one of `rivals` and one of them have."""
    catalogue.execute(_SHARED.format(who=who, rivals=rivals))
    for make_id in (_key_id, _name_id, _file_id):
        catalogue.execute("CREATE TABLE wish(pair INTEGER PRIMARY KEY, id)")
        catalogue.insert("wish VALUES (?, ?)", _wishes(catalogue, who, make_id))
        catalogue.execute("CREATE INDEX wish_id ON wish(id)")
        catalogue.execute(_CHOSEN.format(rivals=rivals))
        catalogue.execute("DROP TABLE wish")
    _lengthen(catalogue, who, rivals)


def _wishes(catalogue: Catalogue, who: str, make_id: Callable[[str, str], str]) -> Iterator[tuple[int, str]]:
    for row, key, name in catalogue.execute(_ROWS.format(who=who)):
        yield row, make_id(key, name)


def _key_id(key: str, name: str) -> str:
    return clean(key)


def _name_id(key: str, name: str) -> str:
    return clean(split_extension(name)[0])


def _file_id(key: str, name: str) -> str:
    return clean(name)


def _lengthen(catalogue: Catalogue, who: str, rivals: str) -> None:
    """Names that differ in Unicode normalisation only: the second gets a tilde, the third two, ..."""
    left = [(name, row) for row, _, name in catalogue.execute(_ROWS.format(who=who))]
    if not left:
        return
    left.sort(key=lambda one: in_order(one[0]))
    names = {clean(name).rstrip("~") for name, _ in left}
    known = catalogue.execute(f"SELECT id FROM pair WHERE id IS NOT NULL AND {rivals}")
    taken = {name for (name,) in known if name.rstrip("~") in names}
    for name, row in left:
        longer = clean(name)
        while longer in taken:
            longer += "~"
        taken.add(longer)
        catalogue.execute("UPDATE pair SET id = ? WHERE rowid = ?", longer, row)
