"""Every exception that annotools raises on purpose.

    AnnotoolsError
    ├── FaultyFileError       one file that cannot be used; a batch goes on without it
    │   ├── ParseError        an annotation file that cannot be read as what it claims to be
    │   ├── ImageError        an image whose header cannot be read, or whose data stops early
    │   └── UnreadableError   any other file of a source that cannot be read (also a SourceError)
    ├── RecordError           a TFRecord file or a tf.Example that is damaged
    ├── PickleError           a pickle that is damaged, foreign or asks for a forbidden global
    ├── ClassMapError         a class file that cannot be understood
    │   └── UnknownClassError a class name that is not in the map
    ├── DataError             the data has problems and the caller asked to stop on them (annotools.issues)
    ├── LedgerError           images or objects went missing without being counted
    ├── SourceError           a source that does not exist or has no recognisable layout
    │   └── UnavailableError  a source that cannot be reached, which says nothing about its data
    ├── OutputError           an output that exists already or cannot be written
    ├── WorkerError           a process of ours that somebody killed, twice
    ├── OptionError           an option value that makes no sense
    │   └── CallError         a call with an unknown keyword or a missing argument (also a TypeError)
    └── MissingExtraError     an optional dependency that is not installed (also an ImportError)

Each carries what a person needs to mend the input: path, line, field, the value found and the value
expected; whatever is unknown is None. `exit_code` is what the command line returns for it: 1 when the
data is at fault, 2 when the call or the machine is.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AnnotoolsError(Exception):
    """Base of all errors; `str()` is one line: `path:line: field: message (found ..., expected ...)`."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        line: int | None = None,
        field: str | None = None,
        found: object = None,
        expected: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line
        self.field = field
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.path, self.line) if part is not None)
        head = ": ".join(part for part in (where, self.field, self.message) if part)
        tail = []
        if self.found is not None:
            tail.append(f"found {shorten(self.found)}")
        if self.expected is not None:
            tail.append(f"expected {self.expected}")
        return f"{head} ({', '.join(tail)})" if tail else head

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception.__reduce__ would call cls(*args) and lose the keyword attributes, so that an error
        # raised in a worker process would reach its parent without file and line.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(cls: type[AnnotoolsError], args: tuple[Any, ...], attributes: dict[str, Any]) -> AnnotoolsError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error


def shorten(value: object, limit: int = 80) -> str:
    """`repr` of a value from a file, cut to `limit` characters so that a hostile value stays one line."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class FaultyFileError(AnnotoolsError):
    """One file cannot be used. A batch reports it and goes on; of all other errors it ends."""


class ParseError(FaultyFileError):
    """An annotation file cannot be read: not well-formed, wrong root, a field without a usable value."""


class ImageError(FaultyFileError):
    """An image is of no known format, its header is damaged, or its data stops early."""


class RecordError(AnnotoolsError):
    """A TFRecord file is damaged; `offset` is the byte where the faulty record starts."""

    def __init__(self, message: str, *, offset: int | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.offset = offset

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.offset is None else f"{text} [record at byte {self.offset}]"


class PickleError(AnnotoolsError):
    """A pickle is damaged, is of an unknown layout, or asks for a global that is not allowed."""


class ClassMapError(AnnotoolsError):
    """A class file cannot be understood, or its names or ids contradict each other."""

    exit_code = 2  # the file is an argument of the call, not the data


class UnknownClassError(ClassMapError):
    """A class name is not in the map; `suggestion` is the nearest known name, or None."""

    exit_code = 1

    def __init__(self, message: str, *, suggestion: str | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.suggestion = suggestion


class LedgerError(AnnotoolsError):
    """What went in is not what came out plus what was dropped."""


class SourceError(AnnotoolsError):
    """A source does not exist, cannot be opened, or has no layout that annotools knows."""

    exit_code = 2


class UnreadableError(SourceError, FaultyFileError):
    """A file of a source that is no image cannot be read, or is too large for what it should be."""


class UnavailableError(SourceError):
    """The network, the server or the credentials fail. Never a fault of one image: a batch ends with it."""


class OutputError(AnnotoolsError):
    """An output exists already, or cannot be written."""

    exit_code = 2


class WorkerError(AnnotoolsError):
    """A process that did a part of the work was killed, and its successor too."""

    exit_code = 2


class OptionError(AnnotoolsError):
    """An option has a value that makes no sense; `field` names the option."""

    exit_code = 2


class CallError(OptionError, TypeError):
    """A call with an unknown keyword, without an argument that it needs, or with too many."""


class MissingExtraError(AnnotoolsError, ImportError):
    """An optional dependency is absent; the message gives the command that installs it."""

    exit_code = 2

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional package: pip install 'annotools-voc[{extra}]'")
        self.feature = feature
        self.extra = extra
