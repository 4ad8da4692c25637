"""Names in a zip that are neither ASCII nor marked as UTF-8: Windows writes them in its code page.

It does not say which. Where the name of an annotation and its `<filename>` agree in one, it is that one.
"""

from __future__ import annotations

import contextlib
import html
import re
import zipfile
from itertools import islice

from annotools.sources.file_kinds import split_extension
from annotools.sources.names import base_of

CODE_PAGES = ("gb18030", "cp932", "cp949", "big5", "cp1252", "cp1251")
_FILENAME = re.compile(rb"<filename>([^<]*)</filename>")
_ASKED = 20  # annotations that are read for it
_LARGEST = 1 << 20
_UTF8_FLAG, _ENCRYPTED = 0x800, 1


def code_page(archive: zipfile.ZipFile) -> str:
    """The encoding of the names that are not UTF-8; "cp437", which the format names, without evidence."""
    unclear = (info for info in archive.infolist() if _is_unclear(info))
    for info in islice(unclear, _ASKED):
        claimed = _filename_in(archive, info)
        for encoding in CODE_PAGES if claimed else ():
            with contextlib.suppress(UnicodeError):
                name = info.filename.encode("cp437").decode(encoding)
                if split_extension(base_of(name))[0] == claimed:
                    return encoding
    return "cp437"


def member_name(info: zipfile.ZipInfo, encoding: str) -> str:
    """The name of a member, '/'-separated. macOS and Info-ZIP write UTF-8 without saying so."""
    name = info.filename  # without the flag zipfile takes names as cp437
    if not info.flag_bits & _UTF8_FLAG and not name.isascii():
        raw = name.encode("cp437", "replace")
        for one in ("utf-8", encoding):
            with contextlib.suppress(UnicodeError):
                name = raw.decode(one)
                break
    return name.replace("\\", "/")  # .NET before 4.6.1 wrote backslashes


def _is_unclear(info: zipfile.ZipInfo) -> bool:
    if info.flag_bits & (_UTF8_FLAG | _ENCRYPTED) or info.filename.isascii() or info.file_size > _LARGEST:
        return False
    if info.filename[-4:].lower() != ".xml":
        return False
    try:
        info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return True
    return False


def _filename_in(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """What `<filename>` says, without extension; "" where that cannot be read."""
    try:
        found = _FILENAME.search(archive.read(info))
        return "" if found is None else split_extension(base_of(html.unescape(found[1].decode())))[0]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError):
        return ""
