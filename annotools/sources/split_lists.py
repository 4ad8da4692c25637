"""Which rows of a source the lists of its splits name, found by sorting and joining, whatever their size.

A line may be a stem, a file name or a path, with a flag behind it, exactly or but for case and Unicode
normalisation. In memory are only the lines that name nothing, each of which becomes an issue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from annotools.issues import Issue
from annotools.sources.image_sets import SplitList, without_flag
from annotools.sources.listing import Assigned, Splits
from annotools.sources.pairing import fold, in_order
from annotools.sources.spool import Sorter, Spool, decode, encode, groups, join
from annotools.sources.storage import Storage, split_extension

_SEVERAL = b"several"


def assign_by_lists(rows: Spool, lists: Sequence[SplitList], names: Splits, storage: Storage) -> Assigned:
    """The splits whose lists name a row. `names` are the splits to report, the others exist on request.

    rows   as pairing.Pairing has them
    """
    missed = Spool()
    members = Sorter(_by_key(Sorter(_lines(lists, storage)), rows, missed))
    assigned = Assigned((), names=names)
    if len(missed):
        missing: list[tuple[int, int, int, str, bytes]] = []
        members.extend(_by_name(missed, rows, missing))
        assigned.issues += _missing_issues(sorted(missing, key=lambda one: one[:3]), lists, storage)
    assigned.rows = _attached(rows, members, assigned, lists, storage)
    return assigned


def _lines(lists: Sequence[SplitList], storage: Storage) -> Iterator[bytes]:
    """Fields: text, then place: number of the list, of its file and of the line, all of fixed length."""
    for list_number, split_list in enumerate(lists):
        places = {file: f"{list_number:08}{number:08}" for number, file in enumerate(split_list.files)}
        for file, number, line in split_list.lines(storage):
            text = line.replace("\0", "\ufffd") if "\0" in line else line
            yield f"{text}\0{places[file]}{number:012}".encode("utf-8", "surrogatepass")


def _place(record: bytes) -> tuple[int, int, int]:
    return int(record[:8]), int(record[8:16]), int(record[16:])


def _members(row: bytes, places: list[bytes]) -> Iterable[bytes]:
    """Fields: number of the row, number of a list that names it."""
    if len(places) == 1:
        return (b"%b\0%b" % (row, places[0][:8]),)
    return [b"%b\0%b" % (row, number) for number in {place[:8] for place in places}]


def _numbered(row: list[bytes], number: int) -> bytes:
    """How the rows of one name are sorted, annotations first; their number; and the name of the file."""
    return b"1%012d%b" % (number, row[3]) if not row[2] else b"0%012d%b" % (number, row[2])


def _first(found: list[bytes]) -> bytes:
    """Of the rows of one name that which counts: of an annotation if there is one, then folder by folder."""
    if len(found) == 1:
        return found[0]
    return min(found, key=lambda row: (row[:1], in_order(decode(row[13:]))))


def _by_key(lines: Iterable[bytes], rows: Spool, missed: Spool) -> Iterator[bytes]:
    """The members that lines name by place and stem, as nearly all lists do; other lines go to `missed`."""
    split = (row.split(b"\0") for row in rows)
    keyed = Sorter(b"%b\0%b" % (row[0], _numbered(row, number)) for number, row in enumerate(split))
    for text, places, found in join(lines, keyed):
        if found:
            yield from _members(_first(found)[1:13], places)
        else:
            missed.extend(b"%b\0%b" % (text, place) for place in places)


def _by_name(missed: Spool, rows: Spool, missing: list[tuple[int, int, int, str, bytes]]) -> Iterator[bytes]:
    """The members that lines name in some other way; those that name none, or several, go to `missing`."""
    named = Sorter(
        b"%b\0%b" % (encode(name), _numbered(row, number))
        for number, row in enumerate(row.split(b"\0") for row in rows)
        for name in _names_of(*map(decode, row))
    )
    asked = Sorter(
        b"%b\0%d\0%b" % (encode(name), rank, text)
        for text, _ in groups(missed)
        for rank, name in enumerate(_meanings(decode(text)))
    )
    answers = Sorter()
    for _, questions, found in join(asked, named):
        if found:
            row = _only(found)
            for question in questions:
                rank, text = question.split(b"\0")
                answers.append(b"%b\0%b\0%b" % (text, rank, row))
    left: dict[str, tuple[object, bytes] | None] = {
        _folded(decode(text)): None for text, _, found in join(missed, answers) if not found
    }
    if left:
        for name, found in groups(named):
            folded = fold(decode(name))
            if folded in left:
                first = _first(found)
                one = (first[:1], in_order(decode(first[13:]))), _only(found)
                left[folded] = max(left[folded] or one, one, key=lambda it: (it[0], it[1] != _SEVERAL))
    for text, places, found in join(missed, answers):
        line = decode(text)
        answer = found[0] if found else (left[_folded(line)] or (b"", b""))[1]
        row = answer.rpartition(b"\0")[2]
        if not row or row == _SEVERAL:
            missing += [(*_place(place), line, row) for place in places]
        else:
            yield from _members(row, places)


def _meanings(line: str) -> list[str]:
    """The names that a line may mean, the likeliest first."""
    names = []
    for text in (line, without_flag(line)):
        path = text.replace("\\", "/").lstrip("./")
        stem = split_extension(path)[0]
        names += [path, stem, path.rpartition("/")[2], stem.rpartition("/")[2]]
    return [name for name in dict.fromkeys(names) if name]


def _folded(line: str) -> str:
    return fold(split_extension(without_flag(line))[0])


def _names_of(key: str, image_key: str, xml: str, image: str) -> set[str]:
    """All that a line may call a row."""
    names = {key, key.rpartition("/")[2], image_key, image, image.rpartition("/")[2]}
    for name in (xml, image):
        stem = split_extension(name)[0]
        names |= {stem, stem.rpartition("/")[2]}
    return names - {""}


def _only(found: list[bytes]) -> bytes:
    """The row of a name; an image without annotation has no say against one with, and the first counts."""
    if len(found) > 1 and found[1].startswith(b"0"):
        return _SEVERAL
    return _first(found)[1:13]


def _missing_issues(
    missing: Iterable[tuple[int, int, int, str, bytes]], lists: Sequence[SplitList], storage: Storage
) -> Iterator[Issue]:
    reported = set()
    for list_number, file_number, number, line, row in missing:
        if line.startswith("#") and not row:
            continue  # a comment, as Datumaro allows: a line that starts like one and names nothing
        name = without_flag(line)
        if (list_number, name) in reported:
            continue
        reported.add((list_number, name))
        message = f"the list names {name!r}, but there is neither such an image nor an annotation"
        if row == _SEVERAL:
            message = f"the list names {name!r}, which several files are called; give the folder too"
        path = storage.display(lists[list_number].files[file_number])
        yield Issue("list-names-missing-image", "error", message, path, number)


def _attached(
    rows: Spool, members: Iterable[bytes], assigned: Assigned, lists: Sequence[SplitList], storage: Storage
) -> Iterator[bytes]:
    """The rows with the numbers of their combinations; overlaps are known when the last has come."""
    codes: dict[bytes, bytes] = {b"": b"0"}
    counts: Counter[bytes] = Counter()
    named = groups(members)
    wanted, found = next(named, (b"-1", []))
    next_number = int(wanted)
    for number, row in enumerate(rows):
        code = b"0"
        if number == next_number:
            key = found[0] if len(found) == 1 else b"".join(found)
            if key not in codes:
                codes[key] = b"%d" % len(codes)
                splits = [lists[int(key[start : start + 8])].split for start in range(0, len(key), 8)]
                assigned.combinations.append(tuple(dict.fromkeys(splits)))
            code = codes[key]
            counts[code] += 1
            wanted, found = next(named, (b"-1", []))
            next_number = int(wanted)
        text, _, files = row.split(b"\0", 2)
        yield b"%b\0%b\0%b" % (text, files, code)
    assigned.issues += _overlaps(assigned, counts, lists, storage)


def _overlaps(
    assigned: Assigned, counts: Counter[bytes], lists: Sequence[SplitList], storage: Storage
) -> Iterator[Issue]:
    files = {split_list.split: split_list.files[0] for split_list in lists}
    names = assigned.names
    for position, one in enumerate(names):
        for other in names[position + 1 :]:
            combinations = assigned.combinations
            if shared := sum(n for code, n in counts.items() if {one, other} <= {*combinations[int(code)]}):
                yield Issue(
                    "split-overlap",
                    "warning",
                    f"{shared} images are in the split {one!r} and in {other!r}",
                    storage.display(files[other]),
                )
