"""Which pairs of a catalogue the lists of its splits name, whatever their size.

A line may be a stem, a file name or a path, with a flag behind it, exactly or but for case and Unicode
normalisation. In memory are only the lines that name nothing, each of which becomes an issue.

    line     text, number of the list, of its file in the list and of the line; the pair that it names
    caller   a name by which some line may mean a pair, with the pair; in the order in which pairs count
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence

from annotools.issues import Issue
from annotools.sources.catalogue import Catalogue, Splits, decode
from annotools.sources.file_kinds import split_extension
from annotools.sources.image_sets import SplitList, is_absent, without_flag
from annotools.sources.list_report import SEVERAL, ListReport, find_unions
from annotools.sources.member_names import CODE_PAGES
from annotools.sources.names import fold, in_order
from annotools.sources.storage import Storage

# Of the pairs of one name that counts which has an annotation, then the first folder by folder.
_KEYS = """
CREATE TABLE caller AS
SELECT location || coalesce(stem, id) AS name, pair.rowid AS pair, xml IS NULL AS is_lone
FROM pair JOIN pattern ON number = coalesce(xml, image)
ORDER BY is_lone, folder, coalesce(stem, id) || extension
"""
_NAMES = """
SELECT named.number, named.xml IS NULL AS is_lone, x.location || coalesce(pair.stem, pair.id), named.xml,
    i.location || coalesce(pair.image_stem, pair.stem, pair.id), named.image
FROM named JOIN pair ON pair.rowid = named.number
    LEFT JOIN pattern x ON x.number = pair.xml LEFT JOIN pattern i ON i.number = pair.image
ORDER BY is_lone, coalesce(x.folder, i.folder),
    coalesce(pair.stem, pair.id) || coalesce(x.extension, i.extension)
"""


def assign_by_lists(
    catalogue: Catalogue, lists: Sequence[SplitList], storage: Storage
) -> tuple[Splits, list[Issue]]:
    """Give each pair the combination of splits whose lists name it.

    Returns the splits of the data set, without those that are the union of others, and what is wrong with the
    lists. No splits: the files that were implied to be lists are none.
    """
    catalogue.execute("CREATE TABLE line(text, list, file, number, pair)")
    catalogue.insert("line VALUES (CAST(? AS TEXT), ?, ?, ?, NULL)", _lines(catalogue, lists, storage))
    catalogue.execute(_KEYS)
    catalogue.execute("CREATE INDEX caller_name ON caller(name)")
    catalogue.execute(
        "UPDATE line SET pair = (SELECT pair FROM caller WHERE name = text ORDER BY caller.rowid LIMIT 1)"
    )
    catalogue.execute("DROP TABLE caller")
    if catalogue.execute("SELECT 1 FROM line WHERE pair IS NULL LIMIT 1").fetchone() is not None:
        _find_by_name(catalogue)
    report = ListReport(catalogue, lists, storage)
    used, issues = report.leave_out_what_is_no_list()
    issues += [*report.missing(), *report.doubled(), *report.empty(used), *report.absent()]
    counts = _combine(catalogue, lists)
    catalogue.execute("DROP TABLE line")
    combinations = [(set(catalogue.combinations[code]), count) for code, count in counts.items()]
    unions = find_unions([lists[number].split for number in used], combinations)
    splits = tuple(one for number in used if (one := lists[number].split) not in unions)
    return splits, [*issues, *report.unions(unions), *report.overlaps(splits, combinations)]


def _lines(
    catalogue: Catalogue, lists: Sequence[SplitList], storage: Storage
) -> Iterator[tuple[str | bytes, int, int, int]]:
    for list_number, split_list in enumerate(lists):
        numbers = {file: number for number, file in enumerate(split_list.files)}
        for file, number, line in split_list.lines(storage):
            if split_list.lone_class is not None and is_absent(line):
                continue
            text = line.replace("\0", "\ufffd") if "\0" in line else line
            yield catalogue.bound(text), list_number, numbers[file], number


def _find_by_name(catalogue: Catalogue) -> None:
    """The pairs of lines that do not name theirs by location and stem, as nearly all lines do."""
    missed = "SELECT DISTINCT text FROM line WHERE pair IS NULL"
    asked = ((catalogue.bound(name),) for (text,) in catalogue.execute(missed) for name in _meanings(text))
    catalogue.execute("CREATE TABLE asked(name PRIMARY KEY) WITHOUT ROWID")
    catalogue.change("INSERT OR IGNORE INTO asked VALUES (CAST(? AS TEXT))", asked)
    catalogue.execute("CREATE TABLE caller(name, pair, is_lone)")
    catalogue.insert("caller SELECT name, ?, ? FROM asked WHERE name = CAST(? AS TEXT)", _callers(catalogue))
    catalogue.execute("CREATE INDEX caller_name ON caller(name)")
    left: dict[str, _Meant | None] = {}
    catalogue.execute("CREATE TABLE answer(text PRIMARY KEY, pair) WITHOUT ROWID")
    catalogue.insert("answer VALUES (CAST(? AS TEXT), ?)", _answers(catalogue, missed, left))
    if left:
        _find_folded(catalogue, left)
        texts = catalogue.execute(f"{missed} AND text NOT IN (SELECT text FROM answer)").fetchall()
        more = ((catalogue.bound(text), meant[1]) for (text,) in texts if (meant := left[_folded(text)]))
        catalogue.insert("answer VALUES (CAST(? AS TEXT), ?)", more)
    catalogue.execute(
        "UPDATE line SET pair = (SELECT pair FROM answer WHERE answer.text = line.text) WHERE pair IS NULL"
    )
    for table in ("asked", "caller", "answer"):
        catalogue.execute(f"DROP TABLE {table}")


_Meant = tuple[tuple[bool, tuple[str, str]], int]
"""How the first pair of a name ranks, and the pair, or SEVERAL."""


def _callers(catalogue: Catalogue) -> Iterator[tuple[int, bool, str | bytes]]:
    """(pair, whether it is an image alone, name) for all that a line may call a pair."""
    for pair, is_lone, *names in catalogue.execute(_NAMES):
        for name in _names_of(*names):
            yield pair, is_lone, catalogue.bound(name)


def _answers(
    catalogue: Catalogue, missed: str, left: dict[str, _Meant | None]
) -> Iterator[tuple[str | bytes, int]]:
    """(text, pair or SEVERAL) for the lines `missed`; those without an answer go to `left`, folded."""
    for (text,) in catalogue.execute(missed):
        for name in _meanings(text):
            if (found := _called(catalogue, name)) is not None:
                yield catalogue.bound(text), found[1]
                break
        else:
            left[_folded(text)] = None


def _called(catalogue: Catalogue, name: str) -> tuple[int, int] | None:
    """The first pair of a name, and the pair that it means: an image without annotation has no say against
    one with, and the first counts."""
    found = catalogue.execute(
        "SELECT pair, is_lone FROM caller WHERE name = CAST(? AS TEXT) ORDER BY rowid LIMIT 2",
        catalogue.bound(name),
    ).fetchall()
    if not found:
        return None
    first = found[0][0]
    return first, SEVERAL if len(found) > 1 and not found[1][1] else first


def _find_folded(catalogue: Catalogue, left: dict[str, _Meant | None]) -> None:
    """Fill in what the lines mean that name something but for case and Unicode normalisation."""
    catalogue.execute("DELETE FROM caller")
    callers = ((name, pair, is_lone) for pair, is_lone, name in _callers(catalogue))
    some = (one for one in callers if fold(_text(one[0])) in left)
    catalogue.insert("caller(name, pair, is_lone) VALUES (CAST(? AS TEXT), ?, ?)", some)
    for (name,) in catalogue.execute("SELECT DISTINCT name FROM caller ORDER BY name"):
        found = _called(catalogue, name)
        assert found is not None
        xml, image = catalogue.execute("SELECT xml, image FROM named WHERE number = ?", found[0]).fetchone()
        meant = (xml is None, in_order(xml or image)), found[1]
        folded = fold(name)
        left[folded] = max(left[folded] or meant, meant, key=lambda one: (one[0], one[1] != SEVERAL))


def _text(value: str | bytes) -> str:
    return decode(value) if isinstance(value, bytes) else value


def _meanings(line: str) -> list[str]:
    """The names that a line may mean, the likeliest first."""
    texts = [line, without_flag(line)]
    if not line.isascii() and (raw := line.encode("utf-8", "surrogateescape")) != line.encode(
        "utf-8", "replace"
    ):
        for encoding in CODE_PAGES:  # which one it was is seen where a name is found
            with contextlib.suppress(UnicodeDecodeError):
                text = raw.decode(encoding)
                texts += [text, without_flag(text)]
    names = []
    for text in texts:
        path = text.replace("\\", "/").lstrip("./")
        stem = split_extension(path)[0]
        names += [path, stem, path.rpartition("/")[2], stem.rpartition("/")[2]]
    return [name for name in dict.fromkeys(names) if name]


def _folded(line: str) -> str:
    return fold(split_extension(without_flag(line))[0])


def _names_of(xml_key: str | None, xml: str | None, image_key: str | None, image: str | None) -> set[str]:
    """All that a line may call a pair."""
    key = xml_key or image_key or ""
    names = {key, key.rpartition("/")[2]}
    if image is not None:
        names |= {image_key or "", image, image.rpartition("/")[2]}
    for name in (xml, image):
        stem = split_extension(name or "")[0]
        names |= {stem, stem.rpartition("/")[2]}
    return names - {""}


def _combine(catalogue: Catalogue, lists: Sequence[SplitList]) -> Counter[int]:
    """Put the combinations into the pairs. Returns how many pairs each combination has."""
    numbers = {"": 0}
    counts: Counter[int] = Counter()

    def combined() -> Iterator[tuple[int, int]]:
        for pair, members in catalogue.execute(
            "SELECT pair, group_concat(list) FROM"
            " (SELECT DISTINCT pair, list FROM line WHERE pair > 0 ORDER BY pair, list) GROUP BY pair"
        ):
            if members not in numbers:
                splits = [lists[number].split for number in sorted(map(int, members.split(",")))]
                numbers[members] = len(catalogue.combinations)
                catalogue.combinations.append(tuple(dict.fromkeys(splits)))
            counts[numbers[members]] += 1
            yield numbers[members], pair

    catalogue.change("UPDATE pair SET splits = ? WHERE rowid = ?", combined())
    return counts
