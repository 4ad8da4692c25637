"""The stack machine that pickle opcodes are written for, for built-in types alone.

Lib/pickletools.py of CPython describes the opcodes of protocols 0 to 5. Objects, persistent ids, extension
codes, out-of-band buffers and sets are refused; what a global means is left to a subclass. No opcode
allocates more than the file holds, nothing recurses, and a memo index may be any number at no cost.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Callable
from mmap import mmap
from typing import Any

from annotools.errors import PickleError

Handler = Callable[["Machine"], object]

STOP = pickle.STOP[0]
KEY_TYPES = frozenset({str, bytes, int, float, bool, type(None)})
_HANDLERS: dict[int, Handler] = {}

_UINT8, _UINT16, _UINT32, _UINT64 = map(struct.Struct, ("<B", "<H", "<I", "<Q"))
_INT32, _DOUBLE = struct.Struct("<i"), struct.Struct(">d")


# What Python 2's repr of a str contains. Not codecs.escape_decode, which warns where it should refuse.
_ESCAPE = re.compile(rb"\\(?:x([0-9a-f]{2})|(.?))", re.DOTALL)
_ESCAPED = {b"\\": b"\\", b"'": b"'", b'"': b'"', b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else _ESCAPED[match[2]]


class ByteString(str):
    """Text of a Python 2 `str`: UTF-8 where it is that, Latin-1 otherwise; `raw` are its bytes."""

    raw: bytes

    @classmethod
    def of(cls, raw: bytes) -> ByteString:
        try:
            self = cls(raw, "utf-8")
        except UnicodeDecodeError:
            self = cls(raw, "latin-1")
        self.raw = raw
        return self


class Machine:
    """Runs one pickle. `stack`, `marks` (where in the stack each open MARK is) and `memo` are its state."""

    __slots__ = ("data", "marks", "memo", "path", "pos", "stack")

    def __init__(self, data: bytes | mmap, path: str | None) -> None:
        self.data = data
        self.path = path
        self.pos = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def find_global(self, module: str, name: str) -> Any:
        """What to push for a global. None is allowed here."""
        raise self.forbidden(module, name, "built-in types")

    def forbidden(self, module: str, name: str, expected: str) -> PickleError:
        """The error for a global that is not allowed."""
        if module.endswith("\r"):  # protocol 0 is lines of text
            message = "the line ends of a pickle were changed, as by git or FTP in text mode"
            return self.error(message, f"{module}.{name}", "the file as it was written, with LF")
        return self.error("asks for a forbidden global", f"{module}.{name}", expected)

    def call(self, function: Any, args: Any) -> Any:
        """What REDUCE pushes."""
        raise self.error("a call of something that is not a global")

    def build(self, target: Any, state: Any) -> Any:
        """What BUILD leaves of `target`."""
        raise self.error("an object with state")

    def recall(self, index: int) -> Any:
        """The memo's entry."""
        return self.memo[index]

    def advance(self, until: frozenset[int]) -> int:
        """Run up to and including the next opcode of `until`, and return that."""
        data, handlers = self.data, _HANDLERS
        try:
            while True:
                code = data[self.pos]
                self.pos += 1
                handlers[code](self)
                if code in until:
                    return code
        except (LookupError, ValueError, TypeError, OverflowError, struct.error, MemoryError) as error:
            if self.pos <= 1:
                raise PickleError("not a pickle", path=self.path, found=data[:20]) from error
            end = ": it ends too early" if self.pos >= len(data) else ""
            raise self.error(f"damaged pickle{end}") from error

    def result(self) -> Any:
        """The value, once STOP has been reached."""
        if len(self.stack) != 1 or self.marks:
            raise self.error("damaged pickle: it ends with unfinished values")
        if self.pos != len(self.data):
            raise self.error("damaged pickle: bytes after its end")
        return self.stack[0]

    def error(self, message: str, found: object = None, expected: str | None = None) -> PickleError:
        return PickleError(
            f"{message} [before byte {self.pos}]", path=self.path, found=found, expected=expected
        )

    def take(self, size: int) -> bytes:
        """The next bytes of the file; checked against its size before anything is allocated."""
        start = self.pos
        if not 0 <= size <= len(self.data) - start:
            raise self.error("damaged pickle: it ends too early")
        self.pos = start + size
        return self.data[start : self.pos]

    def number(self, layout: struct.Struct) -> Any:
        (value,) = layout.unpack_from(self.data, self.pos)
        self.pos += layout.size
        return value

    def sized(self, layout: struct.Struct) -> bytes:
        return self.take(self.number(layout))

    def line(self) -> bytes:
        content = self.take(self.data.find(b"\n", self.pos) - self.pos)
        self.pos += 1
        return content

    def pop_to_mark(self) -> list[Any]:
        start = self.marks.pop()
        if start > len(self.stack):
            raise self.error("damaged pickle: more values taken than there are")
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def pop(self) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def pop_tuple(self, size: int) -> None:
        if len(self.stack) < size:
            raise self.error("damaged pickle: more values taken than there are")
        items = tuple(self.stack[-size:])
        del self.stack[-size:]
        self.stack.append(items)

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise self.error("damaged pickle: items appended to something that is no list")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict:
            raise self.error("damaged pickle: items set in something that is no dict")
        target.update(self.dict(items))

    def dict(self, items: list[Any]) -> dict[Any, Any]:
        keys = items[::2]
        if len(items) % 2:
            raise self.error("damaged pickle: a key without a value")
        if not KEY_TYPES.issuperset(map(type, keys)):
            keys = [self.key(key) for key in keys]
        return dict(zip(keys, items[1::2], strict=True))

    def key(self, key: Any) -> Any:
        kind = type(key)
        if kind in KEY_TYPES:
            return key
        if kind is ByteString:
            return str(key)
        # Not tuples: hashing nested ones recurses in C without a limit, and takes exponential time when
        # they are shared.
        raise self.error("a key that is neither text nor number", kind.__name__)

    def push_global(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise self.error("damaged pickle: a global without a name")
        self.stack.append(self.find_global(module, name))

    # The next four are most of what a pickle of records consists of, and are written for speed.

    def push_double(self) -> None:
        self.stack.append(_DOUBLE.unpack_from(self.data, self.pos)[0])
        self.pos += 8

    def push_byte(self) -> None:
        self.stack.append(self.data[self.pos])
        self.pos += 1

    def push_recalled(self) -> None:
        self.stack.append(self.recall(self.data[self.pos]))
        self.pos += 1

    def push_text(self) -> None:
        start = self.pos + 4
        end = start + _UINT32.unpack_from(self.data, self.pos)[0]
        if end > len(self.data):
            raise self.error("damaged pickle: it ends too early")
        self.pos = end
        self.stack.append(str(self.data[start:end], "utf-8", "surrogatepass"))

    def push_int_line(self) -> None:
        text = self.line()
        # Protocol 0 has no opcodes for True and False: they are ints with a leading zero.
        self.stack.append({b"00": False, b"01": True}.get(text, int(text)))

    def push_quoted(self) -> None:
        text = self.line().strip()
        if len(text) < 2 or text[:1] not in (b"'", b'"') or text[-1:] != text[:1]:
            raise self.error("damaged pickle: a string without quotes")
        self.stack.append(ByteString.of(_ESCAPE.sub(_unescape, text[1:-1])))

    def check_protocol(self) -> None:
        protocol = self.number(_UINT8)
        if protocol > 5:
            raise self.error("unknown pickle protocol", protocol, "0 to 5")

    def refuse_instance(self) -> None:
        self.find_global(self.line().decode(), self.line().decode())  # names the class in its error
        raise self.error("asks for more than plain data", "INST", "opcodes of plain data")


def _on(code: bytes, handler: Handler) -> None:
    _HANDLERS[code[0]] = handler


def _push(code: bytes, value: Callable[[Machine], Any]) -> None:
    def handler(machine: Machine) -> None:
        machine.stack.append(value(machine))

    _HANDLERS[code[0]] = handler


def _text(data: bytes) -> str:
    return str(data, "utf-8", "surrogatepass")


def _long(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


_on(pickle.NONE, lambda m: m.stack.append(None))
_on(pickle.NEWTRUE, lambda m: m.stack.append(True))
_on(pickle.NEWFALSE, lambda m: m.stack.append(False))
_on(pickle.INT, Machine.push_int_line)
_push(pickle.LONG, lambda m: int(m.line().removesuffix(b"L")))
_push(pickle.BININT, lambda m: m.number(_INT32))
_on(pickle.BININT1, Machine.push_byte)
_push(pickle.BININT2, lambda m: m.number(_UINT16))
_push(pickle.LONG1, lambda m: _long(m.sized(_UINT8)))
_push(pickle.LONG4, lambda m: _long(m.sized(_INT32)))
_push(pickle.FLOAT, lambda m: float(m.line()))
_on(pickle.BINFLOAT, Machine.push_double)

_on(pickle.STRING, Machine.push_quoted)
_push(pickle.BINSTRING, lambda m: ByteString.of(m.sized(_INT32)))
_push(pickle.SHORT_BINSTRING, lambda m: ByteString.of(m.sized(_UINT8)))
_push(pickle.UNICODE, lambda m: str(m.line(), "raw-unicode-escape"))
_on(pickle.BINUNICODE, Machine.push_text)
_push(pickle.SHORT_BINUNICODE, lambda m: _text(m.sized(_UINT8)))
_push(pickle.BINUNICODE8, lambda m: _text(m.sized(_UINT64)))
_push(pickle.BINBYTES, lambda m: m.sized(_UINT32))
_push(pickle.SHORT_BINBYTES, lambda m: m.sized(_UINT8))
_push(pickle.BINBYTES8, lambda m: m.sized(_UINT64))
_push(pickle.BYTEARRAY8, lambda m: bytearray(m.sized(_UINT64)))

_on(pickle.MARK, lambda m: m.marks.append(len(m.stack)))
_on(pickle.POP, Machine.pop)
_on(pickle.POP_MARK, Machine.pop_to_mark)
_push(pickle.EMPTY_TUPLE, lambda m: ())
_on(pickle.TUPLE1, lambda m: m.pop_tuple(1))
_on(pickle.TUPLE2, lambda m: m.pop_tuple(2))
_on(pickle.TUPLE3, lambda m: m.pop_tuple(3))
_push(pickle.TUPLE, lambda m: tuple(m.pop_to_mark()))
_push(pickle.EMPTY_LIST, lambda m: [])
_push(pickle.LIST, lambda m: m.pop_to_mark())
_on(pickle.APPEND, lambda m: m.append([m.stack.pop()]))
_on(pickle.APPENDS, lambda m: m.append(m.pop_to_mark()))
_push(pickle.EMPTY_DICT, lambda m: {})
_push(pickle.DICT, lambda m: m.dict(m.pop_to_mark()))
_on(pickle.SETITEM, lambda m: m.set_items([m.stack.pop(), m.stack.pop()][::-1]))
_on(pickle.SETITEMS, lambda m: m.set_items(m.pop_to_mark()))

_on(pickle.PUT, lambda m: m.memo.__setitem__(int(m.line()), m.stack[-1]))
_on(pickle.BINPUT, lambda m: m.memo.__setitem__(m.take(1)[0], m.stack[-1]))
_on(pickle.LONG_BINPUT, lambda m: m.memo.__setitem__(m.number(_UINT32), m.stack[-1]))
_on(pickle.MEMOIZE, lambda m: m.memo.__setitem__(len(m.memo), m.stack[-1]))
_push(pickle.GET, lambda m: m.recall(int(m.line())))
_on(pickle.BINGET, Machine.push_recalled)
_push(pickle.LONG_BINGET, lambda m: m.recall(m.number(_UINT32)))

_on(pickle.GLOBAL, lambda m: m.push_global(m.line().decode(), m.line().decode()))
_on(pickle.STACK_GLOBAL, lambda m: m.push_global(*[m.stack.pop(), m.stack.pop()][::-1]))
_on(pickle.REDUCE, lambda m: m.stack.append(m.call(*[m.stack.pop(), m.stack.pop()][::-1])))
_on(pickle.BUILD, lambda m: m.stack.append(m.build(*[m.stack.pop(), m.stack.pop()][::-1])))
_on(pickle.INST, Machine.refuse_instance)

_on(pickle.PROTO, Machine.check_protocol)
_on(pickle.FRAME, lambda m: m.take(8))
_on(pickle.STOP, lambda m: None)


def _refuse(name: str) -> None:
    def handler(machine: Machine) -> None:
        raise machine.error("asks for more than plain data", name, "opcodes of plain data")

    _HANDLERS[getattr(pickle, name)[0]] = handler


for _name in (
    "PERSID", "BINPERSID", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "EMPTY_SET", "ADDITEMS",
    "FROZENSET", "NEXT_BUFFER", "READONLY_BUFFER", "DUP",
):  # fmt: skip
    _refuse(_name)
