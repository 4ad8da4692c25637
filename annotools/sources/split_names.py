"""What folders and lists call a split: train, Train2017, "training data", TestSet, shelf_val, 训练集."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_SPLIT_NAMES = [
    *("train", "training", "训练", "val", "valid", "validation", "验证", "dev", "eval", "evaluation"),
    *("test", "testing", "测试", "trainval"),
]
_ANY_SPLIT = "|".join(sorted(_SPLIT_NAMES, key=len, reverse=True))
_SPLIT = re.compile(rf"({_ANY_SPLIT})[_-]?(\d{{4}})?", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_HINT = re.compile("train|val|dev|test|训练|验证|测试", re.IGNORECASE)

# words that say nothing of which data it is
_FILLER_WORDS = (
    "set,sets,data,dataset,datasets,split,splits,subset,part,folder,file,files,list,lists,id,ids,name,names,voc,"
    "sample,samples,image,images,img,imgs,imageset,picture,pictures,pic,pics,photo,photos,frame,frames,pascal,"
    "jpeg,jpegs,jpg,png,jpegimages,annotation,annotations,annots,label,labels,xml,xmls,txt,"
    "集,数据,数据集,图片,图像,标注"
)
_FILLERS = frozenset(re.split(",", _FILLER_WORDS))
_ANY_FILLER = "|".join(sorted(_FILLERS, key=len, reverse=True))
_JOINED = re.compile(f"({_ANY_SPLIT})({_ANY_FILLER})")


def is_split_name(name: str) -> bool:
    """Whether the name is that of a split and nothing else: train, valid, also with a year (train2017)."""
    return bool(_SPLIT.fullmatch(name))


def split_of_name(name: str) -> str | None:
    """The split that a folder or a list of this name holds, None when it is none.

    A plain name is the split as it is spelled; in a longer one the word for the split counts, in small
    letters: "training data", "TrainingSet" and "training_images" are "training".
    """
    split, rest = _parts(name)
    return None if rest else split


def split_order(split: str) -> tuple[int, str]:
    """Sort key: train before val before test, others behind them by name."""
    match = _SPLIT.fullmatch(split)
    rank = _SPLIT_NAMES.index(match[1].lower()) if match else len(_SPLIT_NAMES)
    return rank, split


def folder_splits(folders: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """For each name of a folder that holds a split, what it stands for: ("train",), or ("shelf", "train").

    A name with words of its own, "shelf_train", is one where another folder has the same words and another
    split, "shelf_test".
    """
    parted = {name: _parts(name) for folder in folders for name in folder.split("/") if name}
    found: dict[str, tuple[str, ...]] = {}
    by_rest: dict[str, set[str]] = {}
    for split, rest in parted.values():
        if split is not None and rest:
            by_rest.setdefault(rest, set()).add(split)
    for name, (split, rest) in parted.items():
        if split is not None and not rest:
            found[name] = (split,)
        elif split is not None and len(by_rest[rest]) > 1:
            found[name] = (rest, split)
    return found


def _parts(name: str) -> tuple[str | None, str]:
    """The split in a name and its other words; None where no word, or more than one, is a split."""
    if is_split_name(name):
        return name, ""
    if not _HINT.search(name):
        return None, name
    splits: list[str] = []
    rest: list[str] = []
    year = ""
    for word in map(str.lower, _WORD.findall(name)):
        joined = _JOINED.fullmatch(word)
        if word in _SPLIT_NAMES or joined:
            splits.append(joined[1] if joined else word)
        elif len(word) == 4 and word.isdigit():
            year = word
        elif word not in _FILLERS:
            rest.append(word)
    if len(splits) == 2 and splits[0].startswith("train") and splits[1].startswith("val"):
        splits = ["trainval"]
    return (splits[0] + year if len(splits) == 1 else None), "_".join(rest)
