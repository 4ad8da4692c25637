"""Layouts of sources as lists of files, in the notation of generated.make_layout."""

from __future__ import annotations

VOC = ["Annotations/a.xml", "Annotations/b.xml", "JPEGImages/a.jpg", "JPEGImages/b.jpg"]
FOUR = [name for stem in "abcd" for name in (f"Annotations/{stem}.xml", f"JPEGImages/{stem}.jpg")]


def both(*stems: str) -> list[str]:
    return [f"{stem}.{extension}" for stem in stems for extension in ("xml", "jpg")]


def tree(*stems: str) -> list[str]:
    return [name for stem in stems for name in (f"Annotations/{stem}.xml", f"JPEGImages/{stem}.jpg")]


def lists(**texts: str) -> list[str]:
    return [f"ImageSets/Main/{name}.txt={text}" for name, text in texts.items()]


LAYOUTS: dict[str, list[str]] = {
    "voc": VOC,
    "devkit": [f"VOCdevkit/VOC2007/{name}" for name in VOC],
    "top-folder": [f"my set v3/{name}" for name in VOC],
    "flat": ["a.xml", "a.jpg", "b.xml", "b.png"],
    "nested": both("x/a", "y/z/a"),
    "imagenet": ["DET/Annotations/val/a.xml", "DET/Data/val/a.JPEG", "DET/ImageSets/DET/val.txt=a\n"],
    "nested-kinds": [f"data/{part}/{name}" for part in "01" for name in ("xml/a.xml", "img/a.jpg")],
    "roboflow": [*both("train/a", "test/b"), "README.roboflow.txt", "data.jpg.txt"],
    "split-then-kind": [
        *("train/annotations/a.xml", "train/images/a.jpg", "test/annotations/b.xml", "test/images/b.jpg"),
    ],
    "split-then-voc": [
        *(f"train/{name}" for name in tree("a")),
        *(f"test/{name}" for name in tree("b")),
    ],
    "kind-then-split": [
        *("annotations/train/a.xml", "images/train/a.jpg", "annotations/test/b.xml", "images/test/b.jpg"),
    ],
    "images-then-split": both("images/train/a", "images/test/b"),
    "only-images-in-splits": ["xml/a.xml", "xml/b.xml", "train/a.jpg", "test/b.jpg"],
    "xmls-and-imgs": ["xmls/a.xml", "imgs/a.bmp", "xmls/b.xml", "imgs/b.GIF"],
    "labels-with-txt": [
        *(
            "labels/a.xml",
            "images/a.webp",
            "labels/classes.txt",
            "images/a.txt",
            "labels/b.xml",
            "images/b.jpeg",
        ),
    ],
    "junk": [
        *VOC,
        *("__MACOSX/Annotations/._a.xml", "Annotations/._a.xml", ".git/a.xml", "JPEGImages/.a.jpg"),
        *(
            "JPEGImages/Thumbs.db",
            "JPEGImages/.DS_Store",
            "SegmentationClass/a.png",
            "SegmentationObject/a.png",
        ),
        "AnnotationsVisualization/a.jpg",
    ],
    "unknown-names": ["boxes/a.xml", "photos/a.jpg", "boxes/b.xml", "photos/b.jpg"],
    # lists
    "lists": [*FOUR, *lists(train="a\nb\n", val="c\n")],
    "lists-with-marks": [*FOUR, *lists(train="\ufeffa\r\n\r\n  b  \r\n", val="\ufeffc")],
    "lists-of-files": [*FOUR, *lists(train="a.jpg\nb.xml\n", val="JPEGImages/c.jpg\n")],
    "lists-of-other-case": [*FOUR, *lists(train="A\nB.JPG\n", val="./c\n")],
    "lists-of-marks-of-a-class": [*FOUR, *lists(train="a.jpg 1\nb.jpg -1\n", val="c.jpg 1\n")],
    "lists-of-classes": [*FOUR, *lists(cup_train="a 1\nb -1\n", red_cup_train="b 1\n", cup_val="c 1\n")],
    "lists-beside-classes": [
        *FOUR,
        *lists(train="a\nb\n", val="c\n", cup_train="a -1\nb  1\nd 0\n", cup_val="d 1\n"),
    ],
    "trainval": [*FOUR, *lists(train="a\n", val="b\n", trainval="a\nb\n", test="c\n")],
    "trainval-alone": [*FOUR, *lists(val="b\n", trainval="a\nb\n", test="c\n")],
    "list-of-cvat": [
        *FOUR,
        *lists(default="a\nb\n", cat_default="a 1\nb -1\n", big_cat_default="a 1\nb -1\n"),
    ],
    "lists-of-own-names": [*FOUR, *lists(default="a\n", test="b\n", my_train="c\nd\n")],
    "lists-in-imagesets": [*FOUR, "ImageSets/train.txt=a\nb\n", "ImageSets/Layout/val.txt=c\n"],
    "lists-of-dots-and-blanks": [
        *tree("shelf 1", "shelf", "x_jpg.rf.0a1b"),
        *lists(train="shelf 1\nx_jpg.rf.0a1b\n", val="shelf\n"),
    ],
    "lists-that-name-nothing": [*FOUR, *lists(train="a\n\nnobody.jpg\nb\nnobody.jpg\n", val="c\nd\n")],
    "lists-that-overlap": [*FOUR, *lists(train="a\nb\nc\n", val="b\nc\n")],
    "list-of-one-of-two-images": [*tree("a"), "JPEGImages/a.png", *lists(train="a\n")],
    "list-of-one-of-two-places": [*tree("y/a"), "JPEGImages/x/a.jpg", *lists(train="a\n")],
    "list-that-could-mean-two": [*tree("x/a", "y/a"), *lists(train="a\n", test="y/a\n")],
    "split-folders": both("valid/a", "Train/b", "val2017/c", "shelf/d", "testing/x/e"),
    "split-folders-of-all-names": both(
        *(f"{name}/{name}" for name in ("trainval", "testing", "test", "dev", "validation", "valid", "val")),
        *("training/training", "train/train", "extra/extra"),
    ),
    "lists-of-all-names": [
        *tree("a", "b", "c", "d", "e", "f", "g", "h"),
        *lists(
            testing="a\n", test="b\n", dev="c\n", validation="d\n", valid="e\n", val="f\n", training="g\n"
        ),
    ],
    "one-split-folder": both("top/train/a"),
    # pairing
    "extensions": [
        *("Annotations/a.XML", "JPEGImages/a.JPEG", "Annotations/b.xml", "JPEGImages/b.PNG"),
        *("Annotations/c.xml", "JPEGImages/c.webp"),
    ],
    "lone-files": [*VOC, "Annotations/c.xml", "JPEGImages/d.jpg"],
    "case-and-unicode": [
        *("Annotations/\u00e9t\u00e9.xml", "JPEGImages/e\u0301te\u0301.jpg"),
        *("Annotations/IMG_1.xml", "JPEGImages/img_1.JPG"),
        *tree("b", "B"),
    ],
    "place-before-stem": [*tree("x/a", "y/a"), "Annotations/c.xml", "JPEGImages/z/c.jpg"],
    "stem-of-two-places": ["Annotations/a.xml", "JPEGImages/x/a.jpg", "JPEGImages/y/a.jpg"],
    "stem-of-two-places-named": [
        "Annotations/a.xml=C:\\shelf\\y\\a.jpg",
        "JPEGImages/x/a.jpg",
        "JPEGImages/y/a.jpg",
    ],
    "filename": [
        *("JPEGImages/shelf.jpg", "JPEGImages/watch.png", "JPEGImages/book.jpg", "JPEGImages/e.jpg"),
        *(
            "Annotations/1.xml=shelf.jpg",
            "Annotations/2.xml=C:\\Users\\me\\WATCH.PNG",
            "Annotations/3.xml=book",
        ),
        *("Annotations/4.xml=e.png", "Annotations/5.xml", "Annotations/6.xml=nowhere.jpg"),
    ],
    "one-image-of-two-annotations": ["x/a.xml", "y/a.xml", "z/a.jpg"],
    "filename-against-stem": [*VOC, "Annotations/c.xml=b.jpg", "Annotations/a.xml=b.jpg"],
    "filename-in-own-folder": ["x/a.xml=b.jpg", "x/a.jpg", "x/b.jpg", "w/b.jpg", "w/a.jpg", "w/a.xml=b.jpg"],
    "filename-outside": ["Annotations/a.xml=../../secret.jpg", "JPEGImages/b.jpg"],
    "two-images": [
        *("a.xml=somewhere/A.png", "a.png", "a.jpg"),
        *("b.xml", "b.webp", "b.gif", "b.PNG"),
    ],
    "image-beside-xml-first": ["x/images/a.jpg", "x/a.xml", "x/a.jpg", "b/b.xml", "b/b.jpg"],
    "two-annotations": ["xml/a.xml", "labels/a.xml", "images/a.jpg"],
    "ids-that-need-the-split": both("train/a", "test/a", "train/b", "test/c"),
    "names-that-hurt": tree("quo\"te's", "<&>", " leading", "日本", "-n", "tab\t", "two\nlines", "a\\b"),
    "several-sets": [f"{year}/{name}" for year in ("VOC2007", "VOC2012") for name in VOC],
    "outside-the-tree": [*VOC, "sample.jpg", "old/c.xml"],
    "mask-without-image": ["Annotations/a.xml", "ImageSets/Main/val.txt=a\n", "SegmentationClass/a.png"],
    "empty": ["readme.md"],
    "only-images": ["JPEGImages/a.jpg"],
}

FOLDERS = ["boxes/x/a.xml", "boxes/b.xml", "photos/x/a.jpg", "photos/b.jpg", "other/c.xml"]
