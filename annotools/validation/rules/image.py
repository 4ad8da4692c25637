"""Rules that hold an annotation against its image: `<size>` is a claim, the header is the truth."""

from __future__ import annotations

import os.path

from annotools.images.readable import is_sequence, sample_bits, why_unreadable
from annotools.issues import Issue, Severity
from annotools.records import Annotation, Image
from annotools.sources.storage import HEAD
from annotools.validation.rules.rule import Sample, finds

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "png": (".png",),
    "gif": (".gif",),
    "bmp": (".bmp", ".dib"),
    "webp": (".webp",),
}
"""For each real format, the file name extensions that tell the truth; the first is the usual one."""


@finds("image-undecodable", needs_image=True)
def undecodable(sample: Sample) -> list[Issue]:
    """TensorFlow cannot decode the image, or decodes other pixels than a viewer shows."""
    image, head = sample.image, sample.head
    if image is None or head is None:
        return []
    reason = why_unreadable(head, image, len(head)) if image.format in ("jpeg", "png") else _reason(sample)
    if reason is None:
        return []
    message = f"image: {reason} ({image.format}), expected what TensorFlow decodes (--image-format png)"
    return [sample.at_image("image-undecodable", message)]


def _reason(sample: Sample) -> str | None:
    """The formats whose verdict needs the length of the file, or all of it."""
    image, head = sample.image, sample.head
    assert image is not None
    assert head is not None
    length = len(head)
    if sample.source is not None and sample.pair is not None and sample.pair.image is not None:
        is_cut = length == HEAD  # a conversion has the whole file at hand
        if image.format == "gif" and is_cut:
            head = sample.source.read_bytes(sample.pair.image)
        elif image.format == "bmp" and is_cut:
            length = sample.source.size(sample.pair.image)
    return why_unreadable(head, image, length)


@finds("image-sequence", "image-16-bit", needs_image=True)
def stored_forms(sample: Sample) -> list[Issue]:
    """What TensorFlow decodes, but not to what plain code expects."""
    image, head = sample.image, sample.head
    if image is None or head is None:
        return []
    if is_sequence(image):
        message = f"image: {image.format.upper()} decodes to (frames, height, width, 3), expected JPEG or PNG"
        return [sample.at_image("image-sequence", message)]
    if sample_bits(head, image) == 16:
        message = "image: 16 bits a sample, expected 8; the upper 8 bits are kept"
        return [sample.at_image("image-16-bit", message)]
    return []


@finds("size-missing", "size-zero", "size-mismatch", needs_image=True, claims=True)
def sizes(sample: Sample) -> list[Issue]:
    """What `<size>` gets wrong about the image, at most one of the three rules.

    The size-mismatch message ends with a verdict. "EXIF-rotated": the claim is the size that a viewer
    shows which honours the orientation tag; TensorFlow ignores the tag. "swapped": width and height are
    exchanged. "close": a pixel or two. "scaled": the same shape at another resolution. "stretched": another
    shape, into which the boxes fit, while the image is too small for them. Both are errors: the image was
    resized after it was labelled, and each box is wrong. "unrelated": none of these. size-from-image does not
    touch the last three: it would hide what is wrong.
    """
    size, image = sample.annotation.size, sample.image
    assert image is not None
    if size is not None and size.width == image.width and size.height == image.height:
        return []
    truth = f"expected {image.width}x{image.height} as in the image header"
    if size is None or (size.width is None and size.height is None):
        return [sample.issue("size-missing", f"size: no width and height, {truth}")]
    if not size.width or not size.height:
        missing = [name for name in ("width", "height") if getattr(size, name) is None]
        if missing:
            return [sample.issue("size-missing", f"size: no {missing[0]}, {truth}")]
        return [sample.issue("size-zero", f"size: {size.width}x{size.height}, {truth}")]
    verdict = verdict_on(sample.annotation, image)
    message = f"size: {size.width}x{size.height}, {truth}; {verdict}"
    if is_resized(verdict):
        return [sample.issue("size-mismatch", message, fix="scale-boxes")]
    fix = "" if verdict.startswith("unrelated") else None
    return [sample.issue("size-mismatch", message, "warning", fix)]


@finds("size-missing", "size-zero")
def sizes_without_image(sample: Sample) -> list[Issue]:
    """Where the image is not read, `<size>` alone is judged."""
    size = sample.annotation.size
    if sample.image is not None or (size is not None and size.width and size.height):
        return []
    if size is None or size.width is None or size.height is None:
        return [sample.issue("size-missing", "size: no width or no height, expected both in pixels")]
    message = f"size: {size.width}x{size.height}, expected more than 0 pixels"
    return [sample.issue("size-zero", message)]


def size_verdict(claim: tuple[int, int], image: Image) -> str:
    """How a claimed (width, height) in pixels relates to the image: a sentence that starts with one word
    of "equal", "EXIF-rotated", "swapped", "close", "scaled" and "unrelated"."""
    width, height = image.width, image.height
    if claim == (width, height):
        return "equal"
    if claim == image.upright_size:
        return f"EXIF-rotated: this is the upright size (EXIF orientation {image.orientation})"
    if claim == (height, width):
        return "swapped: width and height are exchanged"
    if all(_is_close(*sides) for sides in zip(claim, (width, height), strict=True)):
        return "close: a pixel or two"
    for frame in dict.fromkeys(((width, height), image.upright_size)):
        if _same_shape(claim, frame):
            return f"scaled: by {claim[0] / frame[0]:.4g}"
    return "unrelated to the real size"


def _is_close(claim: int, side: int) -> bool:
    return abs(claim - side) <= min(2, side / 20)


def _same_shape(claim: tuple[int, int], frame: tuple[int, int]) -> bool:
    """Scaling one side by the factor of the other lands within rounding of the claim."""
    return abs(claim[0] * frame[1] - claim[1] * frame[0]) <= max(*frame, *claim) / 2


def verdict_on(annotation: Annotation, image: Image) -> str:
    """`size_verdict` on the `<size>` of an annotation; the boxes are witnesses: "stretched" where they tell
    that an unrelated size was the right one."""
    size = annotation.size
    claim = (size.width or 0, size.height or 0) if size is not None else (0, 0)
    verdict = size_verdict(claim, image)
    if not verdict.startswith("unrelated") or not all(claim):
        return verdict
    width, height = image.upright_size
    far = [(o.bndbox.xmax, o.bndbox.ymax) for o in annotation.objects if o.bndbox is not None]
    if all(x <= claim[0] and y <= claim[1] for x, y in far) and any(
        x > width + 1 or y > height + 1 for x, y in far
    ):
        factors = f"{claim[0] / width:.4g} and {claim[1] / height:.4g}"
        return f"stretched: by {factors}, for the boxes fit into <size> only"
    return verdict


def is_resized(verdict: str) -> bool:
    """Whether a verdict says that the image was resized after it was labelled."""
    return verdict.startswith(("scaled", "stretched"))


def labelled_frame(claim: tuple[int, int], image: Image) -> tuple[int, int]:
    """The (width, height) of the frame of a resized image in which `claim` was its size: as it is stored,
    where only that has the shape of the claim, and otherwise upright."""
    stored, upright = (image.width, image.height), image.upright_size
    return stored if _same_shape(claim, stored) and not _same_shape(claim, upright) else upright


def annotated_size(annotation: Annotation, image: Image | None) -> tuple[int | None, int | None]:
    """(width, height) in pixels of the frame in which the boxes were drawn; None where nothing tells.

    It is the stored size of the image when `<size>` says so, and otherwise the upright size, which is what
    labelling tools have shown since about 2020 (labelImg/issues/650, cvat/pull/4529). Without an image it is
    what `<size>` claims.
    """
    size = annotation.size
    if image is None:
        # 0 is size-zero; judged against it, every box would be outside.
        return (None, None) if size is None else (size.width or None, size.height or None)
    if size is not None and size.width == image.width and size.height == image.height:
        return image.width, image.height
    return image.upright_size


@finds("exif-orientation", "depth-mismatch", "colour-mode", needs_image=True)
def pixels(sample: Sample) -> list[Issue]:
    """What is unusual about the pixels.

    colour-mode is a warning for CMYK, on which tools crash late (turicreate/issues/1124), and an info for
    grey and alpha, which decode to another number of channels unless a fixed one is asked for.
    """
    issues = []
    annotation, image = sample.annotation, sample.image
    assert image is not None
    if image.orientation != 1:
        drawn = "stored" if annotated_size(annotation, image) == (image.width, image.height) else "upright"
        if image.orientation < 5:
            drawn = "upright"
        message = (
            f"image: EXIF orientation is {image.orientation}, expected 1; TensorFlow ignores the tag, "
            f"the boxes are taken as drawn on the {drawn} image"
        )
        issues.append(sample.at_image("exif-orientation", message))
    if image.mode == "CMYK":
        issues.append(sample.at_image("colour-mode", "image: CMYK colours, expected RGB"))
    elif image.mode in ("L", "LA", "RGBA"):
        found = {"L": "grey", "LA": "grey with alpha", "RGBA": "RGB with alpha"}[image.mode]
        message = f"image: {found} ({image.channels} channel{'s' * (image.channels > 1)}), expected RGB"
        issues.append(sample.at_image("colour-mode", message, "info"))
    depth = annotation.size.depth if annotation.size is not None else None
    # labelImg knows only 1 and 3 and writes 3 for an image with alpha, as if it were already flattened.
    if depth is not None and depth != image.channels and not (depth == 3 and image.channels == 4):
        message = f"depth: {depth}, expected {image.channels} as in the image header ({image.mode})"
        issues.append(sample.issue("depth-mismatch", message))
    return issues


@finds("exif-invalid", needs_image=True)
def exif_blocks(sample: Sample) -> list[Issue]:
    """The EXIF block is damaged, so that viewers may disagree which way is up.

    An info for orientation 0. The standard has no such value, but editors write it, on every picture of some
    data sets, and all viewers show it as 1.
    """
    head = sample.head or b""
    # A JPEG's EXIF block stands before its first scan; a few bytes to search instead of all segments.
    if head.startswith(b"\xff\xd8") and head.find(b"Exif\0\0", 0, head.find(b"\xff\xda")) < 0:
        return []
    from annotools.images.exif import NO_ORIENTATION
    from annotools.images.header import exif_fault

    fault = exif_fault(head)
    if fault is None:
        return []
    severity: Severity = "info" if fault == NO_ORIENTATION else "warning"
    return [sample.at_image("exif-invalid", f"image: {fault}", severity)]


@finds("format-extension-mismatch", needs_image=True, claims=True)
def formats(sample: Sample) -> list[Issue]:
    """The image's file name claims another format than its bytes."""
    annotation, image = sample.annotation, sample.image
    assert image is not None
    name = annotation.image_path or annotation.filename or ""
    expected = EXTENSIONS.get(image.format, ())
    if name.endswith(expected):
        return []
    extension = os.path.splitext(name)[1].lower()
    if extension in expected or not extension:
        return []
    message = f"image: {name} is a {image.format.upper()} file, expected the extension {expected[0]}"
    path = annotation.image_path or annotation.xml_path
    return [Issue.of("format-extension-mismatch", message, path)]
