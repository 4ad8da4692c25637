"""A folder behind a URL, reached through fsspec: what reading from it and writing to it have in common.

fsspec and its drivers (s3fs for s3://, gcsfs for gs://, adlfs for az://) are optional and take a second to
import, so that happens when the first URL is used. Credentials, regions and endpoints are theirs: whatever
the environment, a profile or fsspec's own configuration says.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from annotools.errors import AnnotoolsError, MissingExtraError, SourceError
from annotools.files.urls import printable_url

_CONNECTIONS = 32
_S3 = ("s3", "s3a")
_STORES = (*_S3, "gs", "gcs", "abfs", "abfss", "az")
_VERSIONS = ("ETag", "etag", "generation", "md5Hash", "mtime", "LastModified", "updated", "last_modified")
_VERSIONS_WITHOUT_CONTENT = ("modified", "created")

# of S3, where the file itself is at fault and not everything around it
_CODES_OF_A_FILE = ("NoSuchKey", "404", "AccessDenied", "403", "AllAccessDisabled", "InvalidObjectState")

_connecting = threading.Lock()


class Entry(NamedTuple):
    """A file of a listing; `version` is a text that changes with the content."""

    name: str
    size: int | None
    version: str


class RemoteFolder:
    """A folder at a URL. It is picklable, and connects anew in every process.

    failure   the error to raise when the URL cannot be used at all
    """

    def __init__(self, url: str, failure: type[AnnotoolsError] = SourceError) -> None:
        self.url = url
        self.root = printable_url(url.rstrip("/") if not url.endswith("://") else url)
        self.protocols = [part.partition("://")[0] for part in url.split("::")]
        self._failure = failure
        self._process = self._maker = os.getpid()
        self._fs: Any = None
        self._base = ""

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_fs": None}

    @property
    def fs(self) -> Any:
        """fsspec's file system. After a fork it is a new one: the old one's event loop stayed behind."""
        if self._fs is None or self._process != os.getpid():
            with _connecting:
                if self._fs is None or self._process != os.getpid():
                    self._fs, self._base = self._connect()
                    self._process = os.getpid()
        return self._fs

    def path(self, name: str) -> str:
        """The path of a file as the file system takes it; "" is the folder itself."""
        assert self.fs is not None  # which also tells where the folder is
        return f"{self._base}/{name}" if self._base and name else self._base or name

    def display(self, name: str) -> str:
        """The URL of a file."""
        first, chain, rest = self.root.partition("::")
        if name and not first.endswith("/"):
            first += "/"
        return first + name + chain + rest

    def run(self, call: Callable[[Any], Any]) -> Any:
        """`call(file system)`. Whatever the driver raises comes as FileError or TroubleError."""
        fs = self.fs
        try:
            return call(fs)
        except AnnotoolsError:
            raise
        except Exception as error:  # drivers raise what they like: botocore's, aiohttp's, plain ValueErrors
            if _is_about_one_file(error):
                raise FileError(_describe(error)) from error
            raise TroubleError(_describe(error)) from error

    def info(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.run(lambda fs: fs.info(self.path(name)))
        return found

    def size(self, name: str) -> int | None:
        """Bytes of a file; None when there is none of that name."""

        def ask(fs: Any) -> int | None:
            path = self.path(name)
            if self.protocols[0] in _S3:
                # fs.info would go on to ask whether it is a folder
                bucket, key, _ = fs.split_path(path)
                return int(fs.call_s3("head_object", Bucket=bucket, Key=key)["ContentLength"])
            info = fs.info(path)
            return None if info["type"] == "directory" else int(info["size"])

        try:
            found: int | None = self.run(ask)
        except FileError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None
            raise
        return found

    def pages(
        self, prefix: str = "", prune: Callable[[str], bool] = lambda _: False
    ) -> Iterator[list[Entry]]:
        """The files below the folder `prefix`, page by page, so that a million are never held as objects.

        prune   tells folders, by their last name, that need not be listed; where the store has none
                (S3 lists keys), their files come nevertheless
        """
        pages = self._s3_pages(prefix) if self.protocols[0] in _S3 else self._walked(prefix, prune)
        while (page := self.run(lambda _: next(pages, None))) is not None:
            yield page

    def _s3_pages(self, prefix: str) -> Iterator[list[Entry]]:
        # fs.find holds the whole listing as dicts, 2 kB a file
        fs = self.fs
        bucket, key, _ = fs.split_path(self.path(prefix))
        start = f"{key}/" if key else ""
        request = {"Bucket": bucket, "Prefix": start}
        while True:
            page = fs.call_s3("list_objects_v2", **request)
            yield [
                Entry(item["Key"][len(start) :], item["Size"], item["ETag"])
                for item in page.get("Contents", ())
                if not item["Key"].endswith("/")  # made by consoles to show an empty folder
            ]
            if not page.get("IsTruncated"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]

    def _walked(self, prefix: str, prune: Callable[[str], bool]) -> Iterator[list[Entry]]:
        fs, top = self.fs, None
        try:
            for folder, folders, files in fs.walk(self.path(prefix), detail=True, on_error="raise"):
                top = folder if top is None else top  # as the driver writes it, with a slash or without
                for name in [name for name in folders if prune(name)]:
                    del folders[name]
                below = folder[len(top) :].strip("/")
                yield [
                    Entry(f"{below}/{name}" if below else name, info.get("size"), version_of(info))
                    for name, info in files.items()
                    if name
                ]
        except FileNotFoundError:
            return

    def _connect(self) -> tuple[Any, str]:
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise MissingExtraError("a URL", "remote") from None
        if "memory" in self.protocols and self._maker != os.getpid():
            raise self._failure(
                "memory:// exists in the process that wrote it only",
                path=self.root,
                expected="--workers 1",
            )
        options = {name: _store_options(name) for name in self.protocols if name in _STORES}
        try:
            fs, base = url_to_fs(self.url, **options)
        except ImportError as error:
            raise self._failure(
                f"needs a driver that is not installed: pip install {_driver_of(self.protocols, error)}",
                path=self.root,
            ) from error
        except ValueError as error:
            raise self._failure(
                f"is no URL that can be opened: {error}",
                path=self.root,
                expected="s3://, gs://, file://, ...",
            ) from error
        except Exception as error:
            raise self._failure(f"cannot be opened: {_describe(error)}", path=self.root) from error
        return fs, base.rstrip("/")


class FileError(OSError):
    """One file cannot be read or written: it is gone, or forbidden."""


class TroubleError(OSError):
    """The store does not answer, refuses everybody, or the credentials are no good."""


def version_of(info: dict[str, Any]) -> str:
    """What a listing says about a file that changes with its content."""
    for key in (*_VERSIONS, *_VERSIONS_WITHOUT_CONTENT):
        if value := info.get(key):
            return str(value.timestamp() if hasattr(value, "timestamp") else value)
    return ""


def _store_options(protocol: str) -> dict[str, Any]:
    # A listing that is kept shows files that are gone, and hides those that others wrote.
    options: dict[str, Any] = {"use_listings_cache": False}
    if protocol in _S3:
        from fsspec.config import conf

        options["skip_instance_cache"] = True  # an older one does not know credentials that changed since
        own = conf.get(protocol, {}).get("config_kwargs", {})
        options["config_kwargs"] = {"max_pool_connections": _CONNECTIONS, **own}
    return options


def _driver_of(protocols: list[str], error: ImportError) -> str:
    from fsspec.registry import known_implementations

    for protocol in protocols:
        package = str(known_implementations.get(protocol, {}).get("class", "fsspec")).partition(".")[0]
        if package != "fsspec":
            return package
    return error.name or str(error)


def _code(error: BaseException) -> str | None:
    """The error code of S3's answer."""
    response = getattr(error.__cause__ or error, "response", None)
    return str(response.get("Error", {}).get("Code")) if isinstance(response, dict) else None


def _is_about_one_file(error: Exception) -> bool:
    code = _code(error)
    if code is not None:
        return code in _CODES_OF_A_FILE
    return isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError)


def _describe(error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and _code(error) != "NoSuchBucket":
        return "does not exist"
    text = getattr(error, "strerror", None) or str(error)
    code = _code(error)
    parts = [] if code is None or code in text or code.isdigit() else [code]
    if not isinstance(error, OSError):
        parts.append(type(error).__name__)
    return ": ".join([*parts, " ".join(text.split())[:300]]).rstrip(": ")
