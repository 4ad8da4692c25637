"""URLs among paths: which text is one, and which of them are local files in disguise."""

from __future__ import annotations

import re
import urllib.parse

from annotools.errors import SourceError

_SECRET = re.compile(r"(?<=://)[^/@:]*:[^/@]*@")


def is_url(text: str) -> bool:
    """Whether `text` is a URL, maybe one of fsspec's chains (`zip://a::s3://b/c.zip`). `C:\\data` is none."""
    return "://" in text


def local_path(text: str) -> str:
    """The path that a `file://` URL means; any other text as it is.

    `%20` is a blank in a URL (RFC 8089), which fsspec ignores. Raises SourceError for another machine's.
    """
    if not text.startswith("file://"):
        return text
    parts = urllib.parse.urlsplit(text, allow_fragments=False)
    if parts.netloc not in ("", "localhost"):
        raise SourceError(
            "a file:// URL of another machine", path=text, expected="three slashes: file:///folder"
        )
    from urllib.request import url2pathname  # brings http, ssl and email, for a tenth of the time of a start

    return url2pathname(parts.path + ("?" + parts.query if parts.query else ""))


def whole_archive(text: str) -> str:
    """ARCHIVE for `zip://::ARCHIVE`, which is fsspec's way to say it, and for `zip://ARCHIVE`."""
    if text.startswith("zip://::"):
        return text.removeprefix("zip://::")
    return text if "::" in text else text.removeprefix("zip://")


def printable_url(url: str) -> str:
    """The URL without a password in it, for messages and journals."""
    return _SECRET.sub("***@", url)
