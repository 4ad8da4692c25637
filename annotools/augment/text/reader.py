"""From text or JSON to an Augmentation.

    ssd
    ssd|cutout(holes=2)
    light|one_of((gaussian_blur(p=1.0), motion_blur(p=1.0)))|box_policy(min_area=20)|fill(0, 0, 0)

Parts stand in order with | between them: a preset, which comes first; ops; and `box_policy(...)`,
`fill(r, g, b)` and `fit(stretch|letterbox|crop)` for the fields of that name or, of the last one, `resize`.
Names are those of the classes, however written (`IoUCrop`, `iou_crop`); values as in Python, where a plain
word is a string. Nothing is evaluated: the text is parsed as Python's grammar has it, and what is no name,
call or value is an error.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from annotools.augment import ops as all_ops
from annotools.augment.ops.probability import Schedule
from annotools.augment.plan.box_policy import BoxPolicy
from annotools.augment.recipe import PRESETS, Augmentation
from annotools.augment.text.writer import short_name
from annotools.classes.spelling import nearest
from annotools.errors import OptionError

LONGEST = 20_000  # characters of a text: what nests deeper than Python's parser can bear is shorter
_WORDS = {"true": True, "false": False, "none": None, "inf": float("inf")}
_OF_OPS = ("op", "ops", "function")  # arguments in which a plain word is a name and not a string
_FIELDS = ("fill", "fit", "none")
Named = Mapping[str, Callable[..., Any]]


def from_text(text: str, own: Iterable[Callable[..., Any]] = ()) -> Augmentation:
    """The Augmentation that the text says.

    own  classes and functions of your own, which the text may name by their `__name__`

    Raises OptionError with the position, what was found and, where one is near, the name that was meant.
    """
    reader = _Text(text, _names(own))
    found = Augmentation()
    try:
        for number, part in enumerate(reader.parts()):
            found = reader.added(found, part, is_first=number == 0)
    except RecursionError:
        raise OptionError("too deep", field="augment", found=text) from None
    return found


def from_json(text: str | Mapping[str, Any], own: Iterable[Callable[..., Any]] = ()) -> Augmentation:
    """The Augmentation of which `to_json` made the text, or of its parsed content; `own` and errors as in
    `from_text`, with the path of the value in place of the position."""
    if isinstance(text, str):
        try:
            text = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise OptionError(f"not JSON: {error}", field="augment") from None
    known = ("ops", "policy", "fill", "resize")
    if not isinstance(text, Mapping) or not set(text) <= set(known):
        raise OptionError("no augmentation", field="augment", found=text, expected="keys " + ", ".join(known))
    names = _names(own)
    values = {key: _value(text[key], key, names) for key in text}
    found: Augmentation = _called(Augmentation, [], values, "augmentation")
    return found


def _names(own: Iterable[Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    known: list[Any] = [getattr(all_ops, name) for name in vars(all_ops)["__all__"]]
    return {_folded(one.__name__): one for one in [*known, Schedule, BoxPolicy, *own]}


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


class _Text:
    """One text: its tree, and where in it things stand."""

    def __init__(self, text: str, names: Named) -> None:
        self.text = text
        self.names = names

    def parts(self) -> list[ast.expr]:
        problem: str | None = "nothing" if not self.text.strip() else None
        place = 1
        if len(self.text) > LONGEST:
            problem, place = "too long", LONGEST + 1
        try:
            tree = ast.parse(self.text.replace("\n", " ").strip() if not problem else "0", mode="eval").body
        except SyntaxError as error:
            problem, place = f"not understood: {error.msg}", max(error.offset or 1, 1)
        except (ValueError, RecursionError, MemoryError) as error:
            problem = f"not understood: {error}"
        if problem:
            expected = "presets and ops with | between them"
            raise OptionError(
                f"character {place}: {problem}", field="augment", found=self.text, expected=expected
            )
        parts = []
        while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.BitOr):
            parts.append(tree.right)
            tree = tree.left
        return [tree, *reversed(parts)]

    def added(self, so_far: Augmentation, part: ast.expr, *, is_first: bool) -> Augmentation:
        """The augmentation with one more part of the text."""
        name = self.name(part)
        if name in PRESETS:
            if not is_first:
                raise self.fault(part, "a preset comes first", name)
            made: Augmentation = self.made(PRESETS[name], part, name)
            return made
        if name in _FIELDS:
            return self.with_field(so_far, part, name)
        value = self.op(part, extra=(*PRESETS, *_FIELDS))
        if isinstance(value, BoxPolicy):
            return replace(so_far, policy=value)
        return self.changed(so_far, part, ops=(*so_far.ops, value))

    def with_field(self, so_far: Augmentation, part: ast.expr, name: str) -> Augmentation:
        values = tuple(self.value(one) for one in part.args) if isinstance(part, ast.Call) else ()
        if name == "fill":
            return self.changed(so_far, part, fill=values)
        if name == "fit":
            if len(values) != 1 or values[0] not in (None, "stretch", "letterbox", "crop"):
                raise self.fault(part, "no way to a size", name, "fit(stretch), fit(letterbox) or fit(crop)")
            return replace(so_far, resize=values[0])
        return so_far

    def changed(self, so_far: Augmentation, part: ast.expr, **changes: Any) -> Augmentation:
        found: Augmentation = self.guarded(part, lambda: replace(so_far, **changes))
        return found

    def name(self, node: ast.expr) -> str:
        called = node.func if isinstance(node, ast.Call) else node
        if not isinstance(called, ast.Name):
            raise self.fault(node, "not an op", self.source(node), "a name, or a name with arguments")
        return called.id

    def op(self, node: ast.expr, extra: tuple[str, ...] = ()) -> Any:
        name = self.name(node)
        make = self.names.get(_folded(name))
        if make is None:
            known = [*extra, *(short_name(one.__name__) for one in self.names.values())]
            near = nearest(name, known)
            hint = f", did you mean {near}?" if near else ""
            raise self.fault(
                node, f"no such op or preset{hint}", name, None if near else ", ".join(sorted(known))
            )
        if isinstance(node, ast.Name) and not isinstance(make, type):
            return make  # a function of one's own
        return self.made(make, node, short_name(make.__name__))

    def made(self, make: Callable[..., Any], node: ast.expr, name: str) -> Any:
        if not isinstance(node, ast.Call):
            return self.guarded(node, lambda: _called(make, [], {}, name))
        parameters = list(inspect.signature(make).parameters)
        named = {}
        for argument in node.keywords:
            word = argument.arg or ""
            if word not in parameters:
                near = nearest(word, parameters)
                hint = f", did you mean {near}?" if near else ""
                expected = None if near else ", ".join(parameters) or "nothing"
                raise self.fault(argument.value, f"{name} has no such argument{hint}", word, expected)
            named[word] = self.value(argument.value, word)
        places = [*parameters, *[""] * len(node.args)]
        listed = [self.value(one, word) for one, word in zip(node.args, places, strict=False)]
        return self.guarded(node, lambda: _called(make, listed, named, name))

    def value(self, node: ast.expr, field: str = "") -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str, type(None))):
            return node.value
        if isinstance(node, (ast.Tuple, ast.List)):
            return tuple(self.value(one, field) for one in node.elts)
        if isinstance(node, ast.Name):
            word = node.id
            if word.lower() in _WORDS:
                return _WORDS[word.lower()]
            return self.op(node) if field in _OF_OPS else word
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            number = self.value(node.operand)
            if isinstance(number, (int, float)):
                return -number if isinstance(node.op, ast.USub) else number
        if isinstance(node, ast.Call):
            return self.op(node)
        raise self.fault(node, "not a value", self.source(node), "a number, a word, (...) or an op")

    def guarded(self, node: ast.expr, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except OptionError as error:
            if not error.message.startswith("character "):
                error.message = f"character {self.place(node)}: {error.message}"
                error.args = (error.message,)
            raise

    def fault(self, node: ast.expr, problem: str, found: str, expected: str | None = None) -> OptionError:
        message = f"character {self.place(node)}: {problem}"
        return OptionError(message, field="augment", found=found, expected=expected)

    def place(self, node: ast.expr) -> int:
        """Counted from 1."""
        stripped = self.text.replace("\n", " ").lstrip()
        before = stripped.encode()[: node.col_offset]  # which ast counts in bytes
        return 1 + len(before.decode(errors="replace")) + len(self.text) - len(stripped)

    def source(self, node: ast.expr) -> str:
        return ast.unparse(node)


def _value(value: Any, path: str, names: Named) -> Any:
    """A value of JSON as the argument that it is."""
    word = path.rsplit(".", 1)[-1].split("[")[0]
    if isinstance(value, str) and word in _OF_OPS:
        return _named(value, path, names)
    if isinstance(value, list):
        return tuple(_value(one, f"{path}[{index}]", names) for index, one in enumerate(value))
    if not isinstance(value, Mapping):
        return value
    if len(value) != 1 or not isinstance(next(iter(value.values())), Mapping):
        raise OptionError("no op", field=path, found=value, expected="{class: {argument: value}}")
    name, arguments = next(iter(value.items()))
    make = _named(name, path, names)
    inner = {key: _value(one, f"{path}.{name}.{key}", names) for key, one in arguments.items()}
    try:
        return _called(make, [], inner, name)
    except OptionError as error:
        error.field = f"{path}.{name}" + (f".{error.field}" if error.field in inner else "")
        raise


def _named(name: str, path: str, names: Named) -> Callable[..., Any]:
    if _folded(name) not in names:
        near = nearest(name, [one.__name__ for one in names.values()])
        hint = f", did you mean {near}?" if near else ""
        raise OptionError(f"no such op{hint}", field=path, found=name)
    return names[_folded(name)]


def _called(make: Callable[..., Any], listed: list[Any], named: dict[str, Any], name: str) -> Any:
    try:
        inspect.signature(make).bind(*listed, **named)
    except TypeError as error:
        expected = f"{name}{inspect.signature(make)}"
        raise OptionError(f"{name}: {error}", field="augment", expected=expected) from None
    return make(*listed, **named)
