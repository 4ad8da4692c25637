"""The catalogue of a source: an SQLite database of its files, and of the pairs that they make.

    file      of every annotation and image the pattern and the stem. It stays for a source at a URL, with
              size and version; for all others it goes when the pairs are made
    pattern   what the files of one folder have in common that have one extension: they differ in their stem
              only. Those of annotations have negative numbers. `location` is where they belong (layouts.py),
              `short` the same without the folder of a split, `splits` the combination that this folder means
    pair      a row for each annotation, or image without one, in the order of the ids: id, patterns of both
              files, stem (NULL: the id is it), stem of the image (NULL: the same), combination of splits
    named     the pairs with the names of their files

Small catalogues are in memory. Large ones are private temporary databases of SQLite: a bounded page cache,
and behind it a file in TMPDIR that has no name and ends with the process, also after kill -9.

Texts are compared byte by byte as UTF-8, which is the order of Python. A lone surrogate, which stands for a
byte of a file name that is not UTF-8, is three bytes here, as if it were a character.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from annotools.errors import OutputError

IN_MEMORY = 20_000
"""Files up to which a catalogue is in memory."""

BATCH = 200
"""Files that are put in at a time; SQLite takes 999 parameters, and more only in newer versions."""

CACHE = 4 << 20
"""Bytes of each page cache, and of what is sorted in memory. More would save no time worth mentioning."""

Splits = tuple[str, ...]


class Pattern(NamedTuple):
    """What the files of one folder and one extension have in common; the extension has its dot."""

    folder: str
    extension: str
    location: str
    short: str
    splits: int


class Catalogue:
    """What a source has. A copy of a small one in another process has the pairs; other copies are lost.

    patterns       by number, of the files that belong to the data set; until `finish`
    combinations   of splits, by the number that pairs have
    has_sizes      whether sizes and versions of files were listed
    has_others     whether files were listed that do not belong to the data set
    is_ascii       whether all names are
    is_utf8        whether all names are
    """

    def __init__(self, *, has_sizes: bool = False) -> None:
        self.patterns: dict[int, Pattern] = {}
        self.combinations: list[Splits] = [()]
        self.has_sizes = has_sizes
        self.has_others = False
        self.is_ascii = self.is_utf8 = True
        self._process = os.getpid()
        self._is_small = True
        self._count = 0
        self._content: bytes | None = None
        self._connection: sqlite3.Connection | None = None

    def add_files(self, batches: Iterable[tuple[int, list[Any]]]) -> None:
        """Put files into a new catalogue, in memory if they are few.

        batches   (pattern, files of it, at most BATCH); a file is a stem as `bound` gives it, or with
                  `has_sizes` the three of stem, size and version
        """
        batches = iter(batches)
        first: list[tuple[int, list[Any]]] = []
        count = 0
        while count < IN_MEMORY and (batch := next(batches, None)) is not None:
            first.append(batch)
            count += len(batch[1])
        self._is_small = count < IN_MEMORY
        self._connection = connect(":memory:" if self._is_small else "")
        if self.has_sizes:
            self.execute("CREATE TABLE file(pattern INTEGER, stem TEXT, size INTEGER, version TEXT)")
        else:
            self.execute("CREATE TEMP TABLE file(pattern INTEGER, stem TEXT)")
        with self.writing() as connection:
            for pattern, files in chain(first, batches):
                if self.has_sizes:
                    statement = f"INSERT INTO file VALUES ({pattern}, CAST(? AS TEXT), ?, ?)"
                    connection.executemany(statement, files)
                else:  # one statement for all of them takes a third of the time that one for each takes
                    values = ", ".join(["(?)"] * len(files))
                    connection.execute(
                        f"INSERT INTO file SELECT {pattern}, CAST(column1 AS TEXT) FROM (VALUES {values})",
                        files,
                    )

    @property
    def is_lost(self) -> bool:
        """Whether the pairs are in another process only."""
        if self._process == os.getpid():
            return False
        return not self._is_small or (self._connection is None and self._content is None)

    @property
    def connection(self) -> sqlite3.Connection:
        """The database. A fork must not use the temporary file of its parent; memory it may."""
        assert not self.is_lost
        if self._connection is None:
            assert self._content is not None
            self._connection = connect(":memory:")
            self._connection.deserialize(self._content)
            self._content, self._process = None, os.getpid()
        return self._connection

    def __getstate__(self) -> dict[str, Any]:
        content = self._content
        if self._is_small and self._connection is not None and hasattr(self._connection, "serialize"):
            content = self._connection.serialize()
        return self.__dict__ | {"_connection": None, "_process": None, "_content": content}

    def __len__(self) -> int:
        return self._count

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Run one statement. Raises OutputError where the temporary file cannot be written."""
        with trouble():
            connection = self.connection
            connection.text_factory = str if self.is_utf8 else decode
            return connection.execute(of_this_thread(statement), values)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """In here many changes are one transaction. Raises OutputError as `execute` does."""
        with trouble():
            connection = self.connection
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    def insert(self, target: str, rows: Iterable[Sequence[Any]]) -> None:
        """INSERT INTO `target`, all rows in one transaction; the rows may come from another statement."""
        self.change(f"INSERT INTO {target}", rows)

    def change(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of `rows`, in one transaction."""
        with self.writing() as connection:
            connection.executemany(statement, rows)

    def bound(self, text: str) -> str | bytes:
        """A text for `CAST(? AS TEXT)`; that it is odd, if it is, is noted."""
        if text.isascii():
            return text
        self.is_ascii = False
        value = bindable(text)
        if isinstance(value, bytes):
            self.is_utf8 = False
        return value

    def set_patterns(self, patterns: dict[int, Pattern]) -> None:
        self.patterns = patterns
        self.execute(
            "CREATE TABLE pattern(number INTEGER PRIMARY KEY, folder, extension, location, short, splits)"
        )
        texts = ", CAST(? AS TEXT)" * 4
        self.insert(
            f"pattern VALUES (?{texts}, ?)",
            ((number, *map(self.bound, one[:4]), one.splits) for number, one in patterns.items()),
        )

    def name_pairs(self) -> None:
        """Make `named`, when the pairs are there; their order, and sizes, come with `finish`."""
        self.execute(view("named", "pair", has_sizes=False))

    def finish(self, *, is_sorted: bool) -> None:
        """Make the pairs what readers expect. `is_sorted`: they are in the order of their ids already."""
        self.execute("DROP VIEW named")
        if not is_sorted:
            self.execute("CREATE TABLE sorted AS SELECT * FROM pair ORDER BY id")
            self.execute("DROP TABLE pair")
            self.execute("ALTER TABLE sorted RENAME TO pair")
        if self.has_sizes:
            self.execute("CREATE INDEX file_name ON file(pattern, stem)")
        else:
            self.execute("DROP TABLE file")
        self.execute(view("named", "pair", has_sizes=self.has_sizes))
        self.patterns = {}
        (self._count,) = self.execute("SELECT count(*) FROM pair").fetchone()

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """(id, XML, image, combination of splits, size of XML, of image) of the pairs, sorted by id; what a
        pair has not, and sizes that the listing did not tell, are None."""
        return self.execute("SELECT id, xml, image, splits, xml_size, image_size FROM named ORDER BY number")

    def file(self, name: str) -> tuple[int, str] | None:
        """Size and version of a file; None where the listing did not tell them, or had no such file."""
        if not self.has_sizes or self.is_lost:
            return None
        folder, slash, base = name.rpartition("/")
        stem, dot, extension = base.rpartition(".")
        found = self.execute(
            "SELECT size, version FROM file JOIN pattern ON number = pattern"
            " WHERE stem = CAST(? AS TEXT) AND folder = CAST(? AS TEXT) AND extension = CAST(? AS TEXT)",
            *map(bindable, (stem, folder + slash, dot + extension)),
        ).fetchone()
        return None if found is None or found[0] is None else found


class Connection(sqlite3.Connection):
    """A connection that closes itself when nobody holds it: Python 3.13 warns of one that was left open."""

    def __del__(self) -> None:
        with contextlib.suppress(sqlite3.ProgrammingError):  # never opened, or of another thread
            self.close()


def of_this_thread(statement: str) -> str:
    """The statement in a text that no other thread has.

    From Python 3.12 on two threads that run one text at once may be given one prepared statement, and each
    other's rows (https://github.com/python/cpython/issues/118172).
    """
    return f"{statement} -- {threading.get_ident()}"


def connect(path: str) -> sqlite3.Connection:
    """A database for all threads of this process: ":memory:", "" for a temporary one, or a file."""
    with trouble():
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)
        connection.execute("PRAGMA temp_store = FILE")
        for name in ("main", "temp"):
            use_freely(connection, name)
    return connection


def use_freely(connection: sqlite3.Connection, name: str) -> None:
    """Of database `name` nothing is worth keeping after the process: no journal, no waiting for a disk."""
    connection.execute(f"PRAGMA {name}.journal_mode = OFF")
    connection.execute(f"PRAGMA {name}.synchronous = OFF")
    connection.execute(f"PRAGMA {name}.cache_size = -{CACHE >> 10}")


_CANNOT_WRITE = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


@contextlib.contextmanager
def trouble(path: str | None = None) -> Iterator[None]:
    """In here a full disk, or a folder that cannot be written, is an OutputError.

    path   the file or folder; None: where temporary files go
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in _CANNOT_WRITE:
            raise
        raise OutputError(
            f"a temporary file cannot be written: {error}",
            path=path or _temporary_folder(),
            expected="room for some 400 bytes an image (TMPDIR says where)",
        ) from error


def _temporary_folder() -> str:
    """The folder that SQLite takes for its temporary files."""
    import tempfile  # takes longer to import than a small source to list

    folders = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"), "/var/tmp")
    return next((one for one in folders if one and os.path.isdir(one)), tempfile.gettempdir())


def view(name: str, table: str, *, has_sizes: bool, schema: str = "main") -> str:
    """The statement that makes the view `name`: the rows of `table` with the names of their files."""
    sizes = "NULL AS xml_size, NULL AS xml_version, NULL AS image_size, NULL AS image_version"
    files = ""
    if has_sizes:
        sizes = (
            "f.size AS xml_size, f.version AS xml_version, g.size AS image_size, g.version AS image_version"
        )
        files = (
            "LEFT JOIN file f ON f.pattern = xml AND f.stem = coalesce(t.stem, id)"
            " LEFT JOIN file g ON g.pattern = image AND g.stem = coalesce(image_stem, t.stem, id)"
        )
    return f"""
        CREATE VIEW {schema}.{name} AS SELECT t.rowid AS number, id, t.xml AS xml_pattern,
            x.folder || coalesce(t.stem, id) || x.extension AS xml,
            i.folder || coalesce(image_stem, t.stem, id) || i.extension AS image,
            t.splits AS splits, {sizes}
        FROM {table} t LEFT JOIN pattern x ON x.number = xml LEFT JOIN pattern i ON i.number = image {files}
    """


def bindable(text: str) -> str | bytes:
    """A text for `CAST(? AS TEXT)`: SQLite takes no lone surrogates, but any bytes."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-8", "surrogatepass")
    return text


def decode(data: bytes) -> str:
    """A text of the database, maybe with lone surrogates."""
    return data.decode("utf-8", "surrogatepass")
