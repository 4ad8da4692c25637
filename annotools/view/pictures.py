"""The images of any source one by one, each with what is said about it: what `show` and `report` draw."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from annotools.classes.class_map import ClassMap
from annotools.conversion import manifest as manifests
from annotools.conversion.class_discovery import class_names, count_classes
from annotools.conversion.output_formats import SINGLE_FILES
from annotools.errors import FaultyFileError, ImageError
from annotools.evaluation.truth import image_id_of
from annotools.formats import pkl, tfrecord, voc
from annotools.images import turn_boxes
from annotools.images.decode import decode
from annotools.images.header import read_header
from annotools.images.turn_pixels import TURNS
from annotools.issues import Issue
from annotools.records import Annotation, Example, Image
from annotools.sources.source import Pair, Source, open_source
from annotools.validation.checker import Job, check_annotation, check_chunk
from annotools.validation.settings import make_selection

if TYPE_CHECKING:
    import PIL.Image

StrPath = str | os.PathLike[str]
T = TypeVar("T")
LABEL_MAP: Final = "label_map.pbtxt"


@dataclass(frozen=True, slots=True)
class Picture:
    """One image.

    id           as the loader names it
    path         of the annotation file, or of the file that holds the record
    annotation   None where there is none, or it cannot be read
    header       None where there is no image, or its header cannot be read
    data         gives the bytes of the image file; raises ImageError
    issues       what the rules say of the file and its image
    """

    id: str
    path: str
    image_path: str | None
    splits: tuple[str, ...]
    annotation: Annotation | None
    header: Image | None
    data: Callable[[], bytes] | None
    issues: tuple[Issue, ...] = ()

    @property
    def is_stored_frame(self) -> bool:
        """Whether the boxes are numbers in the image as it is stored, and not as EXIF turns it."""
        if self.header is None or self.annotation is None or self.header.orientation == 1:
            return False
        return turn_boxes.frame_of(self.annotation.size, self.header) == "stored"

    @property
    def size(self) -> tuple[int, int] | None:
        """(W, H) of the image in the frame of its boxes; of `<size>` where there is no image."""
        if self.header is not None:
            stored = self.header.width, self.header.height
            return stored if self.is_stored_frame else self.header.upright_size
        size = None if self.annotation is None else self.annotation.size
        return (size.width, size.height) if size and size.width and size.height else None

    def pixels(self, side: int) -> PIL.Image.Image:
        """The picture in the frame of its boxes, RGB, decoded no smaller than `side` on its longer side where
        it has so many pixels. Raises ImageError.
        """
        if self.data is None:
            raise ImageError("no image", path=self.path)
        import PIL.Image

        picture = decode(self.data(), at_least=("RGB", (side, side)))
        if picture.mode.startswith("I"):
            picture = picture.convert("I").point(lambda value: value / 256).convert("L")
        if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            paper = PIL.Image.new("RGBA", picture.size, "white")
            picture = PIL.Image.alpha_composite(paper, picture)
        picture = picture.convert("RGB")
        orientation = 1 if self.header is None or self.is_stored_frame else self.header.orientation
        return picture if orientation == 1 else picture.transpose(PIL.Image.Transpose[TURNS[orientation]])


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture that is not read yet; `annotation` reads what it says without looking at the image."""

    id: str
    paths: tuple[str, ...]
    names: Callable[[], Sequence[str]]
    picture: Callable[[], Picture]
    annotation: Callable[[], Annotation | None]


class Album(Protocol):
    """The pictures of a source. `classes` tells the index of each class name, for its colour."""

    path: str

    @property
    def classes(self) -> Mapping[str, int]: ...

    def entries(self, split: str | None) -> Iterator[Entry]:
        """Each picture once, in the order of the source. Raises SourceError for a split that it has not."""


def open_album(
    source: StrPath,
    *,
    classes: StrPath | ClassMap | None = None,
    annotations: StrPath | None = None,
    image_folder: StrPath | None = None,
) -> Album:
    """The album of anything that `annotools.read` takes. Raises as `open_source` and `ClassMap.from_file`.

    image_folder   below a VOC source as elsewhere; of a pickle, the folder of its images
    """
    path = os.fspath(source)
    known = classes if classes is None or isinstance(classes, ClassMap) else ClassMap.from_file(classes)
    if path.lower().endswith(SINGLE_FILES):
        return _Pickle(path, known, image_folder)
    if annotations is None and image_folder is None and tfrecord.are_shards(path):
        return _Records(path, known)
    return SourceAlbum(open_source(path, annotations=annotations, images=image_folder), known)


def _positions(classes: ClassMap) -> dict[str, int]:
    return {name: place for place, name in enumerate(classes)}


@dataclass(slots=True)
class SourceAlbum:
    """A VOC tree, a folder, an archive or a URL of one."""

    source: Source
    class_map: ClassMap | None
    path: str = ""
    _classes: dict[str, int] | None = None
    _job: Job = field(init=False)

    def __post_init__(self) -> None:
        self.path = self.source.root
        self._job = Job(self.source, make_selection(), self.class_map)

    @property
    def classes(self) -> Mapping[str, int]:
        if self._classes is None:
            found = sorted(count_classes(self.source)) if self.class_map is None else list(self.class_map)
            self._classes = {name: place for place, name in enumerate(found)}
        return self._classes

    def entries(self, split: str | None) -> Iterator[Entry]:
        for pair, splits in pairs_once(self.source, split):
            paths = [self.source.display(name) for name in (pair.xml, pair.image) if name is not None]
            yield Entry(
                image_id_of(pair),
                tuple(paths),
                partial(self._names, pair),
                partial(self._picture, pair, splits),
                partial(_inspect, self.source, pair.xml),
            )

    def _names(self, pair: Pair) -> Sequence[str]:
        return next(names for _, names in class_names(self.source, iter([pair])))

    def _picture(self, pair: Pair, splits: tuple[str, ...]) -> Picture:
        source = self.source
        issues, _ = check_chunk(self._job, [pair])
        header = None
        annotation = _inspect(source, pair.xml)
        if pair.image is not None:
            try:
                header = source.read_header(pair.image)
            except FaultyFileError:
                header = None  # one of the issues says so
        return Picture(
            id=image_id_of(pair),
            path=source.display(pair.xml or pair.image or ""),
            image_path=None if pair.image is None else source.display(pair.image),
            splits=splits,
            annotation=annotation,
            header=header,
            data=None if pair.image is None else partial(source.read_bytes, pair.image),
            issues=tuple(issues),
        )


def _inspect(source: Source, xml: str | None) -> Annotation | None:
    """What an annotation file says; None without one, and where it cannot be read."""
    if xml is None:
        return None
    try:
        return voc.inspect(source.read_bytes(xml), source.display(xml))[0]
    except FaultyFileError:
        return None


def pairs_once(source: Source, split: str | None) -> Iterator[tuple[Pair, tuple[str, ...]]]:
    """Each pair once, with the splits that list it."""
    last: Pair | None = None
    splits: tuple[str, ...] = ()
    for pair in source.pairs(split):
        if last is not None and pair.id != last.id:
            yield last, splits
            splits = ()
        last = pair
        splits += () if pair.split is None else (pair.split,)
    if last is not None:
        yield last, splits


@dataclass(slots=True)
class _Records:
    """TFRecord shards of any writer."""

    path: str
    class_map: ClassMap | None

    @property
    def classes(self) -> Mapping[str, int]:
        if self.class_map is None:
            self.class_map = self._told()
        return _positions(self.class_map)

    def _told(self) -> ClassMap:
        folder = Path(self.path) if os.path.isdir(self.path) else Path(self.path).parent
        if (folder / manifests.NAME).is_file():
            return ClassMap(manifests.read(folder).classes)
        if (folder / LABEL_MAP).is_file():
            return ClassMap.from_file(folder / LABEL_MAP)
        return ClassMap.from_names(sorted({n for one in tfrecord.read(self.path) for n in one.names if n}))

    def entries(self, split: str | None) -> Iterator[Entry]:
        for name in [name for name, _ in tfrecord.shards(self.path)] if split is None else [split]:
            for example in tfrecord.read(self.path, split=name, classes=self.class_map):
                make = partial(_of_example, example, self.path, name)
                names = partial(_given, example.names)
                yield Entry(example.id, (self.path,), names, make, example.annotation)


def _given(value: T) -> T:
    return value


def _of_example(example: Example, path: str, split: str) -> Picture:
    annotation = example.annotation()
    header = annotation.image
    return Picture(
        id=example.id,
        path=path,
        image_path=None,
        splits=(split,),
        annotation=annotation,
        header=header,
        data=partial(bytes, example.encoded) if example.encoded else None,
        issues=_checked(annotation, header),
    )


def _checked(annotation: Annotation, header: Image | None) -> tuple[Issue, ...]:
    width, height = (None, None) if header is None else header.upright_size
    return tuple(check_annotation(annotation, make_selection(), width=width, height=height))


@dataclass(slots=True)
class _Pickle:
    """A pickle of ours, which has the paths of images and no pixels."""

    path: str
    class_map: ClassMap | None
    image_folder: StrPath | None

    @property
    def classes(self) -> Mapping[str, int]:
        return _positions(self.class_map or pkl.read_classes(self.path))

    def entries(self, split: str | None) -> Iterator[Entry]:
        for annotation in pkl.read(self.path):
            if split in (None, annotation.split):
                name = os.path.basename(annotation.image_path or annotation.filename or "")
                names = [one.name for one in annotation.objects]
                paths = tuple(path for path in (annotation.xml_path, annotation.image_path) if path)
                make = partial(self._picture, annotation, name)
                told = partial(_given, names), make, partial(_given, annotation)
                yield Entry(os.path.splitext(name)[0], paths, *told)

    def _picture(self, annotation: Annotation, name: str) -> Picture:
        file = Path(self.image_folder or "") / (name if self.image_folder else annotation.image_path or name)
        header = annotation.image
        with contextlib.suppress(ImageError):
            header = read_header(_read_image(file), os.fspath(file))
        return Picture(
            id=os.path.splitext(name)[0],
            path=annotation.xml_path or self.path,
            image_path=os.fspath(file),
            splits=() if annotation.split is None else (annotation.split,),
            annotation=annotation,
            header=header,
            data=partial(_read_image, file),
            issues=_checked(annotation, header),
        )


def _read_image(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (OSError, ValueError) as error:
        raise ImageError("no image (--image-folder DIR tells where it is)", path=os.fspath(file)) from error
