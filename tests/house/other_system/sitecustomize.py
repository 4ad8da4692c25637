"""Python starts with this module when its folder is on PYTHONPATH: from then on, this system lacks what
Windows lacks.

- Functions that only POSIX has are gone from `os`, and `fcntl`, `resource`, `pwd`, `grp` and `termios` cannot
  be imported.
- A descriptor of `os.open` without O_BINARY translates line ends and ends at 0x1A, as in the C library there.
- `open` for text writes CRLF unless `newline` is given, and takes cp1252 unless `encoding` is given.
- A file that is open in this process can be neither moved, nor replaced, nor removed, but for the temporary
  files of Python, which Windows itself removes.
- Processes are spawned; a fork is refused.
"""

import builtins
import io
import multiprocessing.context
import os
import sys

POSIX_ONLY = (
    *("pread", "pwrite", "preadv", "pwritev", "readv", "writev", "fork", "forkpty", "posix_spawn"),
    *("posix_spawnp", "sendfile", "copy_file_range", "splice", "fdatasync", "posix_fadvise"),
    *("posix_fallocate", "lockf", "mkfifo", "fchmod", "fchown", "chown", "geteuid", "getuid", "getpgid"),
    *("O_NONBLOCK", "O_DIRECTORY", "O_CLOEXEC", "O_TMPFILE", "O_DIRECT", "O_NOFOLLOW"),
)
POSIX_MODULES = ("fcntl", "resource", "pwd", "grp", "termios")
O_BINARY = 1 << 30

_open, _read, _write, _close, _dup = os.open, os.read, os.write, os.close, os.dup
_text: set[int] = set()
_ended: set[int] = set()


def _open_descriptor(path, flags, mode=0o777, **more):
    descriptor = _open(path, flags & ~O_BINARY, mode, **more)
    if not flags & O_BINARY:
        _text.add(descriptor)
    return descriptor


def _read_descriptor(descriptor, size):
    if descriptor in _ended:
        return b""
    data = _read(descriptor, size)
    if descriptor in _text:
        data, end, _ = data.partition(b"\x1a")
        if end:
            _ended.add(descriptor)
        data = data.replace(b"\r\n", b"\n")
    return data


def _write_descriptor(descriptor, data):
    if descriptor in _text:
        _write(descriptor, bytes(data).replace(b"\n", b"\r\n"))
        return len(data)
    return _write(descriptor, data)


def _close_descriptor(descriptor):
    _text.discard(descriptor)
    _ended.discard(descriptor)
    return _close(descriptor)


def _dup_descriptor(descriptor):
    copy = _dup(descriptor)
    if descriptor in _text:
        _text.add(copy)
    return copy


def _open_text(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *more, **named):
    if "b" not in mode:
        if encoding in (None, "locale"):
            encoding = "cp1252"
        if newline is None and mode[0] in "wxa":
            newline = "\r\n"
    return _builtin_open(file, mode, buffering, encoding, errors, newline, *more, **named)


def _refusing(function, *places):
    def call(*arguments, **named):
        for place in places:
            _refuse_if_open(arguments[place])
        return function(*arguments, **named)

    return call


def _refuse_if_open(path):
    name = os.path.realpath(os.fsdecode(path))
    if os.path.basename(name).startswith("tmp"):
        return
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            held = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if held == name:
            raise PermissionError(13, "it is open in this process", str(path))


_builtin_open = builtins.open
for _name in POSIX_ONLY:
    if hasattr(os, _name):
        delattr(os, _name)
for _name in POSIX_MODULES:
    sys.modules[_name] = None
os.O_BINARY = O_BINARY
os.open, os.read, os.write, os.close, os.dup = (
    _open_descriptor,
    _read_descriptor,
    _write_descriptor,
    _close_descriptor,
    _dup_descriptor,
)
os.replace, os.rename = _refusing(os.replace, 0, 1), _refusing(os.rename, 0, 1)
os.remove, os.unlink = _refusing(os.remove, 0), _refusing(os.unlink, 0)
builtins.open = io.open = _open_text
_contexts = multiprocessing.context._concrete_contexts
del _contexts["fork"]
multiprocessing.context._default_context._default_context = _contexts["spawn"]
