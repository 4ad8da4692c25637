"""One record of options: keywords, flags, defaults and checks follow from it."""

from __future__ import annotations

import argparse
import inspect

import pytest

from annotools.commands.flags import add_flags, keywords
from annotools.errors import OptionError
from annotools.options import box_origin, option, options, progress, takes


def _pair(text: str) -> tuple[str, str]:
    old, _, new = text.partition("=")
    return old, new


@options
class CopyOptions:
    how: str = option(choices=("copy", "link"), help="one of {choices}")
    count: int = option(default=3, read=int, minimum=1, metavar="N", help="default: {default}; 100%")
    names: dict[str, str] | None = option(
        default=None, flag="--map-class", read=_pair, gather=dict, metavar="OLD=NEW"
    )
    dry_run: bool = option(default=False, help="write nothing")
    hidden: int = option(default=7, flag="")
    box_origin: str = box_origin()
    progress: bool = progress()


@takes(CopyOptions)
def copy(source: str, options: CopyOptions) -> tuple[str, CopyOptions]:
    """Copy a source."""
    return source, options


class Copy:
    @takes(CopyOptions)
    def __init__(self, source: str, options: CopyOptions) -> None:
        self.source, self.options = source, options


def parse(*flags: str) -> dict[str, object]:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser, CopyOptions)
    return keywords(CopyOptions, parser.parse_args(flags))


def test_keywords_become_the_record() -> None:
    source, asked = copy("a", how="link", count=5)
    assert source == "a"
    assert asked == CopyOptions(how="link", count=5)
    assert not asked.progress


def test_places_may_be_keywords_as_well() -> None:
    assert copy(source="a", how="copy")[0] == "a"  # type: ignore[call-arg]


def test_a_constructor_takes_options_too() -> None:
    made = Copy("a", how="copy", dry_run=True)
    assert (made.source, made.options) == ("a", CopyOptions(how="copy", dry_run=True))


def test_help_shows_the_keywords_and_their_defaults() -> None:
    shown = inspect.signature(copy).parameters
    assert list(shown) == [
        "source", "how", "count", "names", "dry_run", "hidden", "box_origin", "progress"
    ]  # fmt: skip
    assert shown["how"].default is inspect.Parameter.empty
    assert shown["count"].default == 3
    assert copy.__doc__ == "Copy a source."


def test_an_unknown_keyword_is_refused_like_any_other() -> None:
    with pytest.raises(TypeError, match="hwo"):
        copy("a", hwo="copy")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"how": "move"}, r"--how: no such choice \(found 'move', expected copy, link\)"),
        ({"how": "copy", "box_origin": "zero"}, "--box-origin: no such choice"),
        ({"how": "copy", "count": 0}, r"--count: too small \(found 0, expected >= 1\)"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        copy("a", **given)  # type: ignore[arg-type]


def test_flags_are_the_keywords() -> None:
    flags = ["--how", "link", "--count", "2", "--map-class", "a=b", "--map-class", "c=d", "--dry-run"]
    assert parse(*flags) == {
        "how": "link",
        "count": 2,
        "names": {"a": "b", "c": "d"},
        "dry_run": True,
        "progress": True,
    }


def test_absent_flags_leave_the_defaults_to_the_library() -> None:
    assert parse("--how", "copy", "--quiet") == {"how": "copy", "dry_run": False, "progress": False}


def test_a_required_option_is_a_required_flag() -> None:
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        parse()


def test_an_option_without_a_flag_has_none() -> None:
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        parse("--how", "copy", "--hidden", "1")


def test_help_names_choices_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser, CopyOptions)
    text = " ".join(parser.format_help().split())
    assert "one of copy, link" in text
    assert "default: 3; 100%" in text
    assert "--box-origin {as-written,one-based}" in text
