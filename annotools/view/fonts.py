"""Fonts that have the characters of some texts: Pillow's own for Latin, else those of this machine.

Looked for in this order: `--font`, Pillow's font, the fonts of FILES in the folders of this system, what
`fc-match :lang=zh` names, and the package of the extra `cjk`. What no font has is written as an escape.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annotools.errors import OptionError
from annotools.sources.storage import printable

if TYPE_CHECKING:
    from PIL import ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FILES: Final = (
    "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "NotoSansSC-Regular.ttf",
    "SourceHanSansSC-Regular.otf", "SourceHanSansCN-Regular.otf", "wqy-microhei.ttc", "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf", "DroidSansFallback.ttf",
    "PingFang.ttc", "Hiragino Sans GB.ttc", "STHeiti Light.ttc",
    "msyh.ttc", "simhei.ttf", "malgun.ttf", "meiryo.ttc",
)  # fmt: skip
_FOLDERS: Final = {
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": ("${WINDIR}/Fonts", "${LOCALAPPDATA}/Microsoft/Windows/Fonts"),
}
_ELSEWHERE: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_CJK_PACKAGE: Final = "pylopdf_fonts_zh_cn"
_ADVICE: Final = (
    "install a font, such as `apt install fonts-noto-cjk` or `pip install 'annotools-voc[cjk]'`, "
    "or name one with --font FILE"
)


@dataclass(frozen=True, slots=True)
class Fonts:
    """The fonts for some texts: (path, characters that it has not) in order; None is Pillow's own font."""

    choices: tuple[tuple[str | None, frozenset[str]], ...]

    def at(self, size: int, text: str) -> Font:
        """The font for this text, `size` pixels high."""
        return _load(self._choice(text)[0], size)

    def spelled(self, text: str) -> str:
        """The text on one line, with an escape for each character that would be an empty box."""
        _, missing = self._choice(text)
        if missing.isdisjoint(text) and text.isprintable():
            return text
        return "".join(
            c.encode("unicode_escape").decode("ascii") if c in missing else printable(c) for c in text
        )

    def _choice(self, text: str) -> tuple[str | None, frozenset[str]]:
        return min(self.choices, key=lambda one: len(one[1].intersection(text)))

    @property
    def advice(self) -> str | None:
        """What to do about characters that no font has; None where all are there."""
        nowhere = frozenset.intersection(*(missing for _, missing in self.choices))
        if not nowhere:
            return None
        some = "".join(sorted(nowhere)[:10])
        return f"no font here has {some!r}, drawn as escapes: {_ADVICE}"


def choose_fonts(texts: Iterable[str], font: str | os.PathLike[str] | None = None) -> Fonts:
    """Fonts that have every printable character of `texts` between them, as far as there are such.

    font   a file that is taken before all others; OptionError where it is no font
    """
    wanted = frozenset(c for text in texts for c in text if c.isprintable())
    own = None if font is None else os.fspath(font)
    if own is not None:
        try:
            _load(own, 16)
        except OSError as error:
            raise OptionError("not a font", field="--font", found=own, expected=".ttf, .otf, .ttc") from error
    choices: list[tuple[str | None, frozenset[str]]] = []
    nowhere = wanted
    for path in _candidates(own):
        missing = _missing(path, wanted)
        if not choices or not nowhere <= missing:
            choices.append((path, missing))
        nowhere &= missing
        if not nowhere:
            break
    return Fonts(tuple(choices))


def _candidates(own: str | None) -> Iterator[str | None]:
    if own is not None:
        yield own
    yield None
    yield from _on_this_system()
    if matched := _by_fontconfig():
        yield matched
    found = find_spec(_CJK_PACKAGE)
    for folder in (found.submodule_search_locations or ()) if found else ():
        yield from sorted(map(str, Path(folder).glob("*Sans*.otf")))


def _on_this_system() -> Iterator[str]:
    folders = [os.path.expanduser(os.path.expandvars(one)) for one in _FOLDERS.get(sys.platform, _ELSEWHERE)]
    there: dict[str, str] = {}
    for folder in folders:
        for where, _, names in sorted(os.walk(folder)):
            for name in names:
                there.setdefault(name, os.path.join(where, name))
    yield from (there[name] for name in FILES if name in there)


def _by_fontconfig() -> str | None:
    program = shutil.which("fc-match")
    if program is None:
        return None
    try:
        run = subprocess.run(
            [program, "--format=%{file}", ":lang=zh"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return run.stdout or None


@functools.cache
def _load(path: str | None, size: int) -> Font:
    from PIL import ImageFont

    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)


def _missing(path: str | None, wanted: frozenset[str]) -> frozenset[str]:
    """The characters that look like U+FFFF, which no font has."""
    try:
        font = _load(path, 16)
    except OSError:
        return wanted
    empty = bytes(font.getmask("\uffff"))
    return frozenset(c for c in wanted if not c.isspace() and bytes(font.getmask(c)) == empty)
