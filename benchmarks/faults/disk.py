"""What may be on a disk after a power cut: each call of a recording, done, undone or torn, as syncs allow.

A file system promises little before a sync. Here a write counts as done from the next sync of its file on,
a new, changed or removed name from the next sync of its folder on; before, a power cut may undo it, whatever
else it undoes. Of a write also a part may be on the disk, with zeros or nothing for the rest. A rename is
atomic, but where only the new folder was synced, the old name may still be there. That is weaker than what
ext4, XFS, btrfs, APFS and NTFS do, each in its own way.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from recorder import Call

Tree = dict[str, bytes | None]
"""All paths below a folder: the bytes of a file, None for a folder."""

ROOT: Final = 0
NEVER: Final = 1 << 60


@dataclass(eq=False)
class Change:
    """One effect of a call: on the bytes of file `inode`, or on the names in folder `inode`.

    at       number of the call; -1 for what was there before
    synced   number of the call from which on it survives
    name     the name in the folder; "" for bytes
    child    what has the name from now on, or None; `former` is what has it no longer
    needs    the change without which this one does not happen: the new name of a rename for the old one
    """

    at: int
    inode: int
    synced: int = NEVER
    name: str = ""
    child: int | None = None
    former: int | None = None
    needs: Change | None = None
    offset: int = 0
    data: bytes = b""
    truncates: bool = False


@dataclass
class Disk:
    """All changes that a recording made to a folder that held `base`."""

    changes: list[Change] = field(default_factory=list)
    folders: set[int] = field(default_factory=lambda: {ROOT})
    _names: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    _inodes: int = ROOT

    @classmethod
    def of(cls, base: Mapping[str, bytes | None], calls: Sequence[Call]) -> Disk:
        disk = cls()
        for path in sorted(base):
            data = base[path]
            if data is None:
                disk._do(-1, Call("mkdir", path))
            else:
                disk._do(-1, Call("create", path))
                disk._do(-1, Call("write", path, data=data))
        for change in disk.changes:
            change.synced = -1
        for number, call in enumerate(calls):
            disk._do(number, call)
        return disk

    def _find(self, path: str) -> int:
        inode = ROOT
        for name in filter(None, path.split("/")):
            inode = self._names[inode][name]
        return inode

    def _name(self, at: int, path: str, child: int | None, needs: Change | None = None) -> Change:
        folder, _, name = path.rpartition("/")
        parent = self._find(folder)
        former = self._names[parent].get(name)
        if child is None:
            # SQLite writes without Python: of its files in the scratch folder only the removal is seen
            self._names[parent].pop(name, None)
        else:
            self._names[parent][name] = child
        change = Change(at, parent, name=name, child=child, former=former, needs=needs)
        self.changes.append(change)
        return change

    def _new(self, *, folder: bool) -> int:
        self._inodes += 1
        if folder:
            self.folders.add(self._inodes)
            self._names[self._inodes] = {}
        return self._inodes

    def _do(self, at: int, call: Call) -> None:
        if call.what in ("create", "mkdir", "link"):
            inode = self._new(folder=call.what == "mkdir")
            self._name(at, call.path, inode)
            if call.what == "link":  # to a file elsewhere, which is on the disk
                self.changes.append(Change(at, inode, synced=at, data=call.data))
        elif call.what in ("unlink", "rmdir"):
            self._name(at, call.path, None)
        elif call.what == "rename":
            new = self._name(at, call.other, self._find(call.path))
            self._name(at, call.path, None, needs=new)
        elif call.what in ("write", "truncate"):
            inode = self._find(call.path)
            truncates = call.what == "truncate"
            self.changes.append(Change(at, inode, offset=call.offset, data=call.data, truncates=truncates))
        elif call.what == "sync":
            self._sync(at, self._find(call.path))
        else:
            raise AssertionError(call)

    def _sync(self, at: int, inode: int) -> None:
        for change in self.changes:
            if change.inode == inode and change.synced == NEVER:
                change.synced = at
                if change.needs is not None and change.needs.synced == NEVER:
                    change.needs.synced = at

    def pending(self, calls: int) -> list[Change]:
        """What a power cut after that many calls may undo, in order."""
        return [change for change in self.changes if change.at < calls <= change.synced]

    def tree(self, calls: int, undone: set[Change] | None = None, torn: Mapping[Change, Change] = {}) -> Tree:
        """The folder after that many calls, without the changes `undone`, with `torn` ones for others."""
        bytes_of: dict[int, bytearray] = {}
        names: dict[int, dict[str, int]] = {}
        undone = undone or set()
        for change in self.changes:
            if change.at >= calls or change in undone or (change.needs in undone):
                continue
            if not change.name:
                _apply(torn.get(change, change), bytes_of.setdefault(change.inode, bytearray()))
                continue
            folder = names.setdefault(change.inode, {})
            if change.child is not None:
                folder[change.name] = change.child
            elif folder.get(change.name) == change.former:
                folder.pop(change.name, None)
        found: Tree = {}
        self._walk(ROOT, "", (names, bytes_of), found)
        return found

    def _walk(
        self,
        folder: int,
        path: str,
        disk: tuple[dict[int, dict[str, int]], dict[int, bytearray]],
        found: Tree,
    ) -> None:
        names, bytes_of = disk
        for name, inode in names.get(folder, {}).items():
            if inode in self.folders:
                found[path + name] = None
                self._walk(inode, f"{path}{name}/", disk, found)
            else:
                found[path + name] = bytes(bytes_of.get(inode, b""))


def _apply(change: Change, content: bytearray) -> None:
    end = change.offset + len(change.data)
    if change.truncates:
        del content[change.offset :]
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[change.offset : end] = change.data


def states(disk: Disk, calls: int, dice: random.Random, number: int) -> list[Tree]:
    """Folders that a power cut after that many calls may leave: the two extremes, and `number` at random."""
    pending = disk.pending(calls)
    names = [change for change in pending if change.name]
    found = [disk.tree(calls), disk.tree(calls, set(pending)), disk.tree(calls, set(pending) - set(names))]
    for turn in range(number if pending else 0):
        if turn % 2:  # a journal: names in the order of the calls
            undone = set(names[dice.randint(0, len(names)) :])
        else:
            share = dice.random()
            undone = {change for change in names if dice.random() < share}
        torn = {}
        share = dice.random()
        for change in pending:
            if not change.name:
                if dice.random() < share:
                    undone.add(change)
                elif dice.random() < 0.5:
                    torn[change] = _tear(change, dice)
        found.append(disk.tree(calls, undone, torn))
    return found


def _tear(change: Change, dice: random.Random) -> Change:
    """The same write when only a part of it came to the disk."""
    size = len(change.data)
    start, end = sorted((dice.randint(0, size), dice.randint(0, size)))
    data = dice.choice(
        (
            change.data[:end],
            bytes(size),
            change.data[:start] + bytes(end - start) + change.data[end:],
            change.data[:end] + bytes(size - end),
        )
    )
    return Change(change.at, change.inode, offset=change.offset, data=data, truncates=change.truncates)
