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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, dataclass_transform, overload

from annotools.errors import OptionError
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
    """Raise OptionError for a value that its option does not allow."""
    for name, about, default in described(record):
        value = getattr(record, name)
        if value is None and default is None:
            continue
        if about.choices:
            check_choice(about.flag_of(name), value, about.choices)
        if about.minimum is not None and value < about.minimum:
            raise OptionError(
                "too small", field=about.flag_of(name), found=value, expected=f">= {about.minimum}"
            )


def check_choice(flag: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise OptionError unless `value` is one of `choices`."""
    if value not in choices:
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
            return work(*values, **named, **{last.name: record(**keywords)})

        fields = inspect.signature(record).parameters.values()
        call.__signature__ = inspect.Signature([*places, *fields])  # type: ignore[attr-defined]
        return call


def old_and_new(text: str) -> tuple[str, str]:
    """The two sides of `OLD=NEW` on the command line."""
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        from argparse import ArgumentTypeError

        raise ArgumentTypeError(f"{text!r} is not of the form OLD=NEW")
    return old, new
