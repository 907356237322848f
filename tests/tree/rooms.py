#!/usr/bin/env python3
"""The rooms of the code: a folder of sources each, whose README.md says what it may include.

Every include must be of the room itself or of a room that its README.md names; neither rooms nor files may form a
circle; README.md lists each module of its room and no other; mpi.h is included in mpi/ alone, hdf5.h in io/.
"""
import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OF_A_TREE = re.compile(r"(src|mpi|io|jobs|tests|docs|\.ci)/|(CMakeLists\.txt|CMakePresets\.json|README\.md|LICENSE|"
                       r"CITATION\.cff|CHANGELOG\.md|\.clang-format|\.gitignore)$")
faults = []


def fault(text):
    faults.append(text)
    print(text)


def included(source):
    """Pairs (line number, what an #include line names), with the quotes or brackets."""
    for number, line in enumerate(source.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+(["<][^">]+)', line)
        if found:
            yield number, found[1]


def room_of(path):
    return path.parent.relative_to(ROOT).as_posix()


def circles(graph):
    """The strongly connected parts of a graph {node: set of nodes} that hold more than one node."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            part = stack[stack.index(node):]
            del stack[-len(part):]
            if len(part) > 1:
                found.append(sorted(part))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


sources = sorted(path for top in ("src", "mpi", "io") for path in (ROOT / top).rglob("*.[ch]"))
rooms = sorted({room_of(path) for path in sources})
allowed = {}
for room in rooms:
    page = ROOT / room / "README.md"
    text = page.read_text() if page.exists() else ""
    line = re.search(r"^May include: (.*)\.$", text, re.M)
    if line is None:
        fault(f"{room}/README.md: there is no line 'May include: ROOM, ROOM.'")
        continue
    allowed[room] = set() if line[1] == "nothing" else set(line[1].split(", "))
    for other in allowed[room] - set(rooms):
        fault(f"{room}/README.md: it may include {other}, which is no room")
    listed = set(re.findall(r"`(\w+\.[ch])`", text))
    here = {path.name for path in sources if room_of(path) == room}
    modules = {name for name in here if name.endswith(".h") or name[:-1] + "h" not in here}
    for name in sorted(modules - listed):
        fault(f"{room}/README.md: it does not list {name}")
    for name in sorted(listed - here):
        fault(f"{room}/README.md: it lists {name}, which is not there")

between, used = collections.defaultdict(set), collections.defaultdict(set)
for path in sources:
    room, module = room_of(path), path.relative_to(ROOT).with_suffix("").as_posix()
    between[module] |= set()
    for number, name in included(path):
        place = f"{path.relative_to(ROOT)}:{number}"
        if name == "<mpi.h" and not room.startswith("mpi/"):
            fault(f"{place}: only mpi/ includes mpi.h")
        if re.match("<(hdf5|H5)", name) and not room.startswith("io/"):
            fault(f"{place}: only io/ includes HDF5")
        if name[0] == "<":
            continue
        target = next((t for t in (ROOT / "src" / name[1:], ROOT / name[1:]) if t.is_file()), None)
        if target is None:
            if name not in ('"train_sbatch.h', '"study_sbatch.h', '"layers_text.h', '"revision.h'):  # made by CMake
                fault(f"{place}: there is no {name[1:]}; includes begin at src/ or at the top")
            continue
        other = room_of(target)
        used[room].add(other)
        if other != room and other not in allowed.get(room, ()):
            fault(f"{place}: {room}/README.md does not allow {other}")
        if target.with_suffix("") != path.with_suffix(""):
            between[module].add(target.relative_to(ROOT).with_suffix("").as_posix())

for room, others in allowed.items():
    for other in sorted(others - used[room]):
        fault(f"{room}/README.md: it may include {other}, but does not")
for circle in circles({room: allowed.get(room, set()) & set(rooms) for room in rooms}):
    fault("rooms include one another: " + ", ".join(circle))
for circle in circles(between):
    fault("files include one another: " + ", ".join(circle))

listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
for name in listing.stdout.splitlines() if listing.returncode == 0 else []:
    if not OF_A_TREE.match(name):
        fault(f"{name}: no file of this project")
if len(sources) < 100:
    fault(f"only {len(sources)} source files were found: this test is broken")
print(f"{len(sources)} files in {len(rooms)} rooms, {len(faults)} faults")
sys.exit(1 if faults else 0)
