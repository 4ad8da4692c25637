"""URLs among paths: which text is one, and which of them are local files in disguise."""

from __future__ import annotations

import re
import urllib.parse
import urllib.request

from annotools.errors import SourceError

_SECRET = re.compile(r"(?<=://)[^/@:]*:[^/@]*@")


def is_url(text: str) -> bool:
    """Whether `text` is a URL, maybe one of fsspec's chains (`zip://a::s3://b/c.zip`). `C:\\data` is none."""
    return "://" in text


def local_path(text: str) -> str:
    """The path that a `file://` URL means, or `zip://` in front of a local archive; any other text as it is.

    `%20` is a blank in a URL (RFC 8089), which fsspec ignores. `zip://::FILE` and `zip://FILE` are the whole
    archive FILE. Raises SourceError for a `file://` URL of another machine.
    """
    whole = re.fullmatch(r"zip://(?:::)?(.*)", text, re.DOTALL)
    if whole and "::" not in whole[1]:
        text = whole[1]
    if not text.startswith("file://"):
        return text
    parts = urllib.parse.urlsplit(text, allow_fragments=False)
    if parts.netloc not in ("", "localhost"):
        raise SourceError(
            "a file:// URL of another machine", path=text, expected="three slashes: file:///folder"
        )
    return urllib.request.url2pathname(parts.path + ("?" + parts.query if parts.query else ""))


def printable_url(url: str) -> str:
    """The URL without a password in it, for messages and journals."""
    return _SECRET.sub("***@", url)
