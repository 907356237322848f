"""A disk that loses its power: what record.c wrote down, replayed call by call into the images that may be left.

The model. A change of a file's bytes (a write, a truncation) is sure once that file has been synced; a change of names
(create, link, rename, unlink, mkdir, rmdir) once its folder has been. What is not sure is, in an image:
  a write         kept, lost, its first half, or garbage of its length (a new block that was never filled)
  a truncation    kept or lost
  names           kept or undone, each call as a whole (a rename never leaves both names or none).
Changes of bytes are independent of each other and of names. Names follow one of two rules:
  loose           calls that touch a common name keep their order: none is kept without those before it. All others are
                  independent, as on file systems that log each folder or file by itself.
  ordered         names are kept up to some call, and each sync of anything makes all names sure: ext4's journal.
What is never lost: the folder that is watched itself, and all that was in it when the recording began.
"""
import collections
import dataclasses
import pathlib
import random

Record = collections.namedtuple("Record", "kind path other offset data")  # path, other: below the watched folder


def parse(log, folder):
    """The records of a log, in order."""
    text, at, found = pathlib.Path(log).read_bytes(), 0, []
    while at < len(text):
        end = text.index(b"\n", at)
        fields = text[at:end].decode().split("\t")
        at, data, offset, other = end + 1, b"", 0, ""
        if len(fields) > 2 and fields[-2] == "bytes":
            data = text[at : at + int(fields[-1])]
            at += len(data)
            fields = fields[:-2]
        kind, path, *rest = fields
        if kind in ("write", "truncate"):
            offset = int(rest[0])
        elif rest:
            other = rest[0]
        if kind == "unknown":
            raise SystemExit(f"{path}: {other} is not in the model of the replayer")
        found.append(Record(kind, relative(path, folder), relative(other, folder), offset, data))
    return found


def relative(path, folder):
    return path[len(str(folder)) :].strip("/") if path.startswith(str(folder)) else path


class File:
    def __init__(self, content=b""):
        self.sure, self.pending = content, []  # pending: records of changes of bytes


class Folder:
    """A folder's names are in Disk.names, by (folder, name)."""


@dataclasses.dataclass(eq=False)
class Change:
    """One call's changes of names: pairs ((folder, name), node or None)."""

    names: list

    def keys(self):
        return {key for key, _ in self.names}


class Disk:
    def __init__(self, folder, model="loose"):
        self.model, self.root = model, Folder()
        self.sure, self.now, self.pending = {}, {}, []
        self.load(self.root, pathlib.Path(folder))

    def load(self, node, path):
        for entry in sorted(path.iterdir()):
            self.sure[node, entry.name] = made = Folder() if entry.is_dir() else File(entry.read_bytes())
            self.now[node, entry.name] = made
            if entry.is_dir():
                self.load(made, entry)

    def key(self, path):
        """(folder, name) of a path, as names are now."""
        node, parts = self.root, path.split("/")
        for part in parts[:-1]:
            node = self.now[node, part]
        return node, parts[-1]

    def node(self, path):
        return self.now[self.key(path)] if path else self.root

    def apply(self, record, synced=True):
        """One more record. `synced` False: a sync that is said to have been made, and was not."""
        kind, path = record.kind, record.path
        if kind in ("write", "truncate"):
            self.node(path).pending.append(record)
        elif kind == "sync" and synced:
            self.sync(self.node(path))
        elif kind in ("create", "mkdir"):
            self.change([(self.key(path), Folder() if kind == "mkdir" else File())])
        elif kind == "link":
            self.change([(self.key(record.other), self.node(path))])
        elif kind == "rename" and self.now.get(self.key(record.other)) is not self.node(path):
            self.change([(self.key(record.other), self.node(path)), (self.key(path), None)])
        elif kind in ("unlink", "rmdir"):
            self.change([(self.key(path), None)])

    def change(self, names):
        self.pending.append(Change(names))
        set_names(self.now, names)

    def sync(self, node):
        if isinstance(node, File):
            node.sure, node.pending = content_of(node, ["kept"] * len(node.pending)), []
        wanted = {id(change) for change in self.pending
                  if self.model == "ordered" or any(folder is node for folder, _ in change.keys())}
        keys = set()
        for change in reversed(self.pending):  # and what those rest on
            if id(change) in wanted or keys & change.keys():
                wanted.add(id(change))
                keys |= change.keys()
        for change in self.pending:
            if id(change) in wanted:
                set_names(self.sure, change.names)
        self.pending = [change for change in self.pending if id(change) not in wanted]

    # --- images --------------------------------------------------------------------------------------------

    def image(self, keep_name, fate):
        """What is left: {path: bytes}, folders as None. keep_name(change) and fate(record) decide what is not sure."""
        names, undone, ended = dict(self.sure), set(), False
        for change in self.pending:
            ended = ended or self.model == "ordered" and not keep_name(change)
            if ended or undone & change.keys() or not keep_name(change):
                undone |= change.keys()
            else:
                set_names(names, change.names)
        children = collections.defaultdict(list)
        for (folder, name), node in names.items():
            children[folder].append((name, node))
        found = {}

        def walk(folder, path):
            for name, node in children[folder]:
                if isinstance(node, Folder):
                    found[path + name] = None
                    walk(node, path + name + "/")
                else:
                    found[path + name] = content_of(node, [fate(record) for record in node.pending])

        walk(self.root, "")
        return found

    def images(self, count, seed):
        """All kept, all lost, names kept and bytes lost or garbage, and `count` mixtures."""
        yield "all kept", self.image(lambda change: True, lambda record: "kept")
        if not self.pending and not any(isinstance(node, File) and node.pending for node in self.now.values()):
            return
        yield "all lost", self.image(lambda change: False, lambda record: "lost")
        yield "bytes lost", self.image(lambda change: True, lambda record: "lost")
        yield "names lost", self.image(lambda change: False, lambda record: "kept")
        for i in range(count):
            dice = random.Random(f"{seed} {i}")
            chance, fates = dice.random(), ["kept", "lost", "half", "garbage"]
            kept = {id(change) for change in self.pending if dice.random() < chance}
            yield f"mixture {i}", self.image(lambda change: id(change) in kept, lambda record: dice.choice(fates))


def set_names(names, changes):
    for key, node in changes:
        if node is None:
            names.pop(key, None)
        else:
            names[key] = node


def content_of(node, fates):
    content = bytearray(node.sure)
    for record, fate in zip(node.pending, fates):
        if fate == "lost":
            continue
        if record.kind == "truncate":
            content = content[: record.offset] + bytes(max(0, record.offset - len(content)))
            continue
        data = record.data
        if fate == "half":
            data = data[: len(data) // 2]
        elif fate == "garbage":
            data = random.Random(len(data)).randbytes(len(data))
        if record.offset > len(content):
            content += bytes(record.offset - len(content))
        content[record.offset : record.offset + len(data)] = data
    return bytes(content)


def write_image(image, folder):
    for path, content in image.items():
        target = folder / path
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
