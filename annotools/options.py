"""Options: each is one field of a frozen record, and flag, keyword, default, check and help follow from it.

    @options
    class FixOptions:
        images: str = option(default="copy", choices=("copy", "link", "none"), help="default: {default}")
        dry_run: bool = option(default=False, help="list the repairs, write nothing")

    @takes(FixOptions)
    def fix(source: str, output: str, options: FixOptions) -> FixResult: ...

    fix(source, output, images="link")        # the fields are the keywords of the function
    add_flags(parser, FixOptions)             # in commands/flags.py: --images {copy,link,none}, --dry-run

A record checks its values when it is made: OptionError names the flag, the value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    SupportsFloat,
    SupportsIndex,
    TypeVar,
    dataclass_transform,
    overload,
)

from annotools.errors import CallError, OptionError
from annotools.records import record

BOX_ORIGINS = ("as-written", "one-based")
ON_ERROR = ("fail", "skip")
SOURCE = "where the source is"

Params = ParamSpec("Params")
Record = TypeVar("Record")
First = TypeVar("First")
Second = TypeVar("Second")
Result = TypeVar("Result")

SAME: Any = object()


@record
class Option:
    """What is known of an option beside its name, type and default.

    help      one line for --help; `{default}` and `{choices}` are filled in
    choices   the values that are allowed; None is allowed where it is the default
    minimum   the smallest number that is allowed
    flag      its name on the command line, where that is not the keyword's; "": it has none
    metavar   what --help calls its value
    read      from the text of the command line to the value
    gather    the flag may be repeated; from the list of values to the keyword: `list` or `dict`
    absent    the value on the command line without the flag, where that is not the keyword's default
    group     the heading under which --help lists it; "": with the others
    """

    help: str = ""
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    flag: str | None = None
    metavar: str | None = None
    read: Callable[[str], Any] | None = None
    gather: Callable[[Any], Any] | None = None
    absent: Any = SAME
    group: str = ""

    def flag_of(self, name: str) -> str:
        """`--box-origin` for the field `box_origin`, unless the option has another name or none there."""
        return "--" + name.replace("_", "-") if self.flag is None else self.flag or name


def option(*, default: Any = dataclasses.MISSING, **about: Any) -> Any:
    """A field of a record of options. `about` are the fields of Option; without `default` it is required."""
    return dataclasses.field(default=default, metadata={"option": Option(**about)})


def box_origin() -> Any:
    """Whether the numbers of a box are edges in pixels, or pixels that are counted from 1."""
    return option(default=BOX_ORIGINS[0], choices=BOX_ORIGINS, help="default: {default}")


def on_error() -> Any:
    """Whether faulty data ends the call, or is left out and counted."""
    return option(
        default=ON_ERROR[0],
        choices=ON_ERROR,
        help="skip leaves out what is faulty, and counts it; default: {default}",
    )


def annotation_folder() -> Any:
    """The folder of the XML below a source."""
    return option(default=None, metavar="DIR", group=SOURCE, help="folder of the XML, if not below SOURCE")


def image_folder() -> Any:
    """The folder of the images below a source."""
    return option(default=None, metavar="DIR", group=SOURCE, help="folder of the images, if not below SOURCE")


def workers() -> Any:
    """How many processes: one for each processor on the command line, one in a library."""
    return option(default=1, absent=os.cpu_count() or 1, read=int, minimum=1, metavar="N", help="processes")


def progress(help: str = "no progress") -> Any:
    """Whether a bar is drawn on stderr: yes on the command line, no in a library."""
    return option(default=False, flag="--quiet", absent=True, help=help)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(option,))
def options(record: type[Record]) -> type[Record]:
    """Make a frozen record of a class whose fields are options. It checks its values when it is made."""
    if "__post_init__" not in record.__dict__:
        record.__post_init__ = check  # type: ignore[attr-defined]
    return dataclass(frozen=True, slots=True, kw_only=True)(record)


def described(record: Any) -> Iterator[tuple[str, Option, Any]]:
    """(name, Option, default) of each field of a record that is an option."""
    for field in dataclasses.fields(record):
        if "option" in field.metadata:
            yield field.name, field.metadata["option"], field.default


def check(record: Any) -> None:
    """Raise OptionError for a value that its option does not allow. A number may be given as text."""
    kinds = {field.name: str(field.type) for field in dataclasses.fields(record)}
    for name, about, default in described(record):
        value = getattr(record, name)
        if value is None and default is None:
            continue
        if about.read is int and isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
            value = int(value)
            object.__setattr__(record, name, value)
        if value is None and "None" not in kinds[name] and kinds[name] != "Any":
            raise OptionError("is missing", field=about.flag_of(name), expected=kinds[name])
        if kinds[name].startswith("int") and not isinstance(value, int) and isinstance(value, SupportsIndex):
            value = index(value)  # of NumPy, which JSON does not know
            object.__setattr__(record, name, value)
        check_type(about.flag_of(name), value, kinds[name])
        if about.choices:
            check_choice(about.flag_of(name), value, about.choices)
        if about.minimum is not None and value < about.minimum:
            raise OptionError(
                "too small", field=about.flag_of(name), found=value, expected=f">= {about.minimum}"
            )


def check_type(field: str, value: object, kinds: str) -> None:
    """Raise OptionError unless `value` is of one of the types that a hint such as "str | int | None" names.

    A hint with a name that is not in _KINDS says more than can be told here: whoever uses the value checks.
    """
    names = _alternatives(kinds.replace(" ", ""))
    if all(name in _KINDS for name in names) and not any(_KINDS[name](value) for name in names):
        hint = _HINTS.get(kinds)
        raise OptionError("of another type", field=field, found=value, expected=hint or kinds)


def _alternatives(kinds: str) -> list[str]:
    """The types between the bars of a hint; bars in brackets belong to one of them."""
    found, depth = [""], 0
    for character in kinds:
        depth += (character == "[") - (character == "]")
        if character == "|" and not depth:
            found.append("")
        else:
            found[-1] += character
    return found


def _is_a(kind: str) -> Callable[[Any], bool]:
    """Whether a value is of a class of that name, which need not be imported for it."""
    return lambda value: any(one.__name__ == kind for one in type(value).__mro__)


def _is_texts(value: Any) -> bool:
    if isinstance(value, list | tuple | set | frozenset):
        return all(isinstance(one, str) for one in value)
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _is_mapping_to(kind: type | tuple[type, ...]) -> Callable[[Any], bool]:
    def is_one(value: Any) -> bool:
        return isinstance(value, Mapping) and all(
            isinstance(key, str) and isinstance(item, kind) for key, item in value.items()
        )

    return is_one


def _is_path(value: Any) -> bool:
    return isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)


_HINTS = {
    "bytes | bytearray | memoryview": "the bytes of a file, Path('a.xml').read_bytes(); or annotools.read"
}
_KINDS: dict[str, Callable[[Any], bool]] = {
    "None": lambda value: value is None,
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool) or _is_a("bool")(value),
    "int": lambda value: isinstance(value, SupportsIndex) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, SupportsFloat) and not isinstance(value, bool | str),
    "os.PathLike[str]": _is_path,
    "StrPath": lambda value: isinstance(value, str) or _is_path(value),
    "Iterable[str]": _is_texts,
    "Sequence[str]": lambda value: isinstance(value, Sequence) and _is_texts(value),
    "Mapping[Any,Any]": lambda value: isinstance(value, Mapping),
    "Mapping[str,str]": _is_mapping_to(str),
    "Mapping[str,Iterable[str]|str]": lambda value: (
        _is_mapping_to(object)(value)
        and all(isinstance(item, str) or _is_texts(item) for item in value.values())
    ),
    "Mapping[str,int]": _is_mapping_to(int),
    "Mapping[str,float]": _is_mapping_to((int, float)),
    "bytes": lambda value: isinstance(value, bytes),
    "bytearray": lambda value: isinstance(value, bytearray),
    "memoryview": lambda value: isinstance(value, memoryview),
    "Annotation": _is_a("Annotation"),
    "ClassMap": _is_a("ClassMap"),
    "Source": _is_a("Source"),
    "Baseline": _is_a("Baseline"),
}


def check_choice(flag: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise OptionError unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise OptionError("no such choice", field=flag, found=value, expected=", ".join(choices))


def takes(record: Callable[Params, Record]) -> Taking[Params, Record]:
    """`@takes(Record)`: the last argument of a function, a record, becomes the keywords of its fields.

    `convert(source, output, to="tfds")` calls the function with `(source, output, Record(to="tfrecord"))`.
    Type checkers and `help()` see the keywords.
    """
    return Taking(record)


class Taking(Generic[Params, Record]):
    """The decorator of `takes`."""

    def __init__(self, record: Callable[Params, Record]) -> None:
        self.record = record

    @overload
    def __call__(
        self, work: Callable[[First, Record], Result]
    ) -> Callable[Concatenate[First, Params], Result]: ...
    @overload
    def __call__(
        self, work: Callable[[First, Second, Record], Result]
    ) -> Callable[Concatenate[First, Second, Params], Result]: ...
    def __call__(self, work: Callable[..., Any]) -> Callable[..., Any]:
        record: Any = self.record
        *places, last = inspect.signature(work).parameters.values()

        @functools.wraps(work)
        def call(*values: Any, **keywords: Any) -> Any:
            named = {one.name: keywords.pop(one.name) for one in places if one.name in keywords}
            _check_call(places, values, named)
            _check_keywords(record, keywords)
            return work(*values, **named, **{last.name: record(**keywords)})

        fields = inspect.signature(record).parameters.values()
        call.__signature__ = inspect.Signature([*places, *fields])  # type: ignore[attr-defined]
        return call


def _check_call(places: Sequence[inspect.Parameter], values: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Raise CallError for a positional argument that is missing, one too many, or of another type."""
    if len(values) > len(places):
        found = f"{len(values)} arguments"
        raise CallError("takes the others by keyword", found=found, expected=f"{len(places)} without keyword")
    given = dict(zip((one.name for one in places), values, strict=False)) | dict(named)
    for one in places:
        if one.name in given:
            check_type(one.name, given[one.name], str(one.annotation))
        elif one.default is inspect.Parameter.empty and one.name != "self":
            raise CallError("is missing", field=one.name, expected=str(one.annotation))


def _check_keywords(record: Any, keywords: Mapping[str, Any]) -> None:
    """Raise CallError for a keyword that there is not, and for one without a default that is missing."""
    fields = {field.name: field for field in dataclasses.fields(record)}
    for name in keywords:
        if name not in fields:
            import difflib  # nobody waits for it but who has mistyped

            close = difflib.get_close_matches(name, list(fields), n=1)
            hint = f", did you mean {close[0]}?" if close else ""
            raise CallError(f"no such keyword{hint}", field=name, expected=", ".join(fields))
    for name, field in fields.items():
        bare = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if bare and name not in keywords:
            about = field.metadata.get("option")
            choices = ", ".join(about.choices) if about else ""
            raise CallError("is missing", field=name, expected=choices or str(field.type))


def old_and_new(text: str) -> tuple[str, str]:
    """The two sides of `OLD=NEW` on the command line."""
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        from argparse import ArgumentTypeError

        raise ArgumentTypeError(f"{text!r} is not of the form OLD=NEW")
    return old, new
