"""The listing of a source: one row for each annotation or lone image, with id and splits, sorted by id.

Everything here is a stream of records or a spool of them (spool.py), so that memory does not grow with the
number of images: what is looked up is joined instead, sorted on both sides.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from annotools.issues import Issue
from annotools.sources.image_sets import split_order
from annotools.sources.layouts import split_of_place, without_split
from annotools.sources.pairing import in_order
from annotools.sources.spool import Sorter, Spool, decode, encode, join, merge
from annotools.sources.storage import split_extension

Splits = tuple[str, ...]


@dataclass(slots=True)
class Listing:
    """Rows sorted by id; reading a row makes it anew.

    rows           fields: id, XML or nothing, image or nothing, number of its combination
    combinations   of splits, one for each row
    """

    rows: Spool
    combinations: list[Splits]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[str, str | None, str | None, Splits]]:
        """(id, XML or None, image or None, splits)"""
        combinations = self.combinations
        for row in self.rows:
            name, xml, image, code = row.decode("utf-8", "surrogatepass").split("\0")
            yield name, xml or None, image or None, combinations[int(code)]


@dataclass(slots=True)
class Assigned:
    """Rows with their splits.

    rows           fields: key, name of the XML or nothing, name of the image or nothing, number of its
                   combination; to be read once, after which the rest is known
    names          the splits of the source, in order
    """

    rows: Iterable[bytes]
    combinations: list[Splits] = field(default_factory=lambda: [()])
    names: Splits = ()
    issues: list[Issue] = field(default_factory=list)


def assign_by_folder(rows: Spool) -> Assigned:
    """The split of a row is the first folder of its place, or of that of its image, with such a name.

    rows   as pairing.Pairing has them
    """
    assigned = Assigned(())
    assigned.rows = _by_folder(rows, assigned)
    return assigned


def _by_folder(rows: Spool, assigned: Assigned) -> Iterator[bytes]:
    codes: dict[str | None, bytes] = {None: b"0"}
    by_place: dict[bytes, bytes] = {}

    def code_of(key: bytes) -> bytes:
        place = key[: key.rfind(b"/") + 1]
        code = by_place.get(place)
        if code is None:
            split = split_of_place(decode(place))
            if split not in codes:
                codes[split] = b"%d" % len(codes)
                assigned.combinations.append((split,) if split else ())
                assigned.names = tuple(sorted((*assigned.names, split or ""), key=split_order))
            code = by_place[place] = codes[split]
        return code

    for row in rows:
        key, image_key, files = row.split(b"\0", 2)
        code = code_of(key)
        if code == b"0" and image_key:
            code = code_of(image_key)
        yield b"%b\0%b\0%b" % (key, files, code)


def make_listing(assigned: Assigned) -> Listing:
    """Give each row an id, the same in every run: as short as it can be without a clash.

    The stem with its place in the data set but without the split folder ("shelf/a" of train/shelf/a.xml);
    where two rows would share that, the place with the split, then the whole name, then with its extension.
    Annotations choose before images that have none. Ids are in Unicode form NFC; bytes of a name that are
    not UTF-8 become escapes.
    """
    lone = Spool()
    done = _settle(assigned.rows, [], lone)
    if len(lone):
        done = _settle(lone, done)
    rows = done[0] if len(done) == 1 else Spool(merge(*done))
    return Listing(rows, assigned.combinations)


def _settle(rows: Iterable[bytes], done: list[Spool], lone: Spool | None = None) -> list[Spool]:
    """`done` and the rows under ids that nobody there has; each spool is sorted by id.

    lone   where images without annotation go instead
    """
    for make_id in (_short_id, _key_id, _name_id, _file_id):
        wanted = Sorter(_under(rows, make_id, lone))
        again = Spool()
        settled = Spool(_unique(wanted, done, again))
        done = [*done, settled] if len(settled) or not done else done
        if not len(again):
            return done
        rows, lone = again, None
    return [*done, Spool(sorted(_lengthened(rows, done)))]


def _under(
    rows: Iterable[bytes], make_id: Callable[[bytes, bytes, bytes], bytes], lone: Spool | None
) -> Iterator[bytes]:
    """The rows behind the ids that they want."""
    for row in rows:
        key, xml, rest = row.split(b"\0", 2)
        if not xml and lone is not None:
            lone.append(row)
        else:
            yield make_id(key, xml, rest) + b"\0" + row


def _unique(wanted: Iterable[bytes], done: list[Spool], again: Spool) -> Iterator[bytes]:
    """The rows whose id nobody else wants or has, without their keys; the others go to `again`."""
    if done:
        for name, rows, others in join(wanted, merge(*done)):
            if len(rows) == 1 and not others:
                yield b"%b\0%b" % (name, rows[0].partition(b"\0")[2])
            else:
                again.extend(rows)
        return
    last, held = None, list[bytes]()  # the fields of the row before, and the rows with the same id
    for record in wanted:
        fields = record.split(b"\0", 2)
        if last is not None:
            if fields[0] == last[0]:
                held.append(b"\0".join(last[1:]))
            elif held:
                again.extend([*held, b"\0".join(last[1:])])
                held.clear()
            else:
                yield last[0] + b"\0" + last[2]
        last = fields
    if held and last is not None:
        again.extend([*held, b"\0".join(last[1:])])
    elif last is not None:
        yield last[0] + b"\0" + last[2]


def _short_id(key: bytes, xml: bytes, rest: bytes) -> bytes:
    start = key.rfind(b"/") + 1
    text = _without_split(key[:start]) + key[start:] if start else key
    return text if text.isascii() else _clean(text)


@lru_cache(4096)
def _without_split(place: bytes) -> bytes:
    return encode(without_split(decode(place)))


def _key_id(key: bytes, xml: bytes, rest: bytes) -> bytes:
    return _clean(key)


def _name_id(key: bytes, xml: bytes, rest: bytes) -> bytes:
    return _clean(encode(split_extension(decode(xml or rest.partition(b"\0")[0]))[0]))


def _file_id(key: bytes, xml: bytes, rest: bytes) -> bytes:
    return _clean(xml or rest.partition(b"\0")[0])


def _clean(text: bytes) -> bytes:
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", decode(text)).encode("utf-8", "backslashreplace")


def _lengthened(rows: Iterable[bytes], done: list[Spool]) -> Iterator[bytes]:
    """Names that differ in Unicode normalisation only: the second gets a tilde, the third two, ..."""
    left = [row.split(b"\0", 2) for row in rows]
    left.sort(key=lambda row: in_order(decode(row[1] or row[2].partition(b"\0")[0])))
    names = {_file_id(*row).rstrip(b"~") for row in left}
    taken = {name for row in merge(*done) if (name := row.partition(b"\0")[0]).rstrip(b"~") in names}
    for key, xml, rest in left:
        name = _file_id(key, xml, rest)
        while name in taken:
            name += b"~"
        taken.add(name)
        yield b"%b\0%b\0%b" % (name, xml, rest)
