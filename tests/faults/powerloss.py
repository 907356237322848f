#!/usr/bin/python3
"""Cut the power after every call of a recorded run, and see that what was announced is there.

    powerloss.py APD RECORD.so [--long] [--mixtures N] [--seed N] [--only SCENARIO] [--model MODEL] [--no-proof]
                 [--without CALL]
    powerloss.py APD RECORD.so --only SCENARIO --show IMAGE-FOLDER --at CALL [--fate "all lost"]

Each scenario is recorded once (record.c); disk.py makes the images that the disk may hold after each call. README.md
says what counts as wrong. Then, for each sync of the log, images are made as if it alone had not taken place: one of
them must be found wrong, or the sync protects nothing that was announced, and must be listed here with the reason.
Exit status 1 when anything was wrong.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import pathlib
import random
import re
import shutil
import sys
import threading

import disk
import lab

# Names that no commit rests on: a sync of nothing else is not needed.
NOT_NEEDED = [
    (r"(accuracy|tasks)\.csv(\.tmp)?", "the tables are written again by the next start"),
    (r"manifest\.json(\.tmp)?", "the manifest is written again by the next start"),
    (r"run\.yaml(\.tmp)?", "the description is in every commit, too"),
    (r"metrics\.jsonl|stop|stopped", "the log and requests are for people"),
    (r"status\.json(\.tmp)?", "the status is written again by the next start"),
    (r"run\.lock.*", "a lock dies with its machine"),
    (r"deleted .*", "what was deleted and comes back is deleted again by the next start"),
]
LOGGED = re.compile(rb'"event": "(?:commit|task)"[^\n]*?"commit": (\d+)')
SAID = re.compile(rb"(?m)^(?:commit|Certificate of forgetting: .*, commit) (\d+)")
RUN = "runs/tiny"


class Scenario:
    def __init__(self, bench, library, name, ranks=1):
        self.lab, self.name, self.ranks = bench, name, ranks
        self.world = bench.work / name / "world"
        self.log = bench.work / name / "log"
        self.library = pathlib.Path(library).resolve()
        self.world.mkdir(parents=True)
        self.prepare()
        self.before = self.world.parent / "before"
        shutil.copytree(self.world, self.before)
        bench.must(self.start(self.world, ranks=ranks, extra={
            "LD_PRELOAD": self.library, "RECORD_FOLDER": self.world, "RECORD_LOG": self.log}))
        self.records = disk.parse(self.log, self.world)
        self.check_recording()
        self.expected = lab.contents(self.world / self.newest)

    newest = f"{RUN}/checkpoint.h5"
    after_each_call = False  # whether every "all kept" image is gone on with: as after a kill

    def prepare(self):
        pass

    def start(self, world, **how):
        return self.lab.train(world / RUN, "--set", "checkpoint.minutes=0.000001", **how)

    def replayed(self, model="loose", without=None):
        """Pairs (number of records, disk) after each record; `without`: a sync that was not made."""
        state = disk.Disk(self.before, model)
        yield 0, state
        for i, record in enumerate(self.records):
            state.apply(record, synced=i != without)
            yield i + 1, state

    def check_recording(self):
        """All records together make the folder that the run left: nothing was missed."""
        *_, (_, state) = self.replayed()
        image = state.image(lambda change: True, lambda record: "kept")
        image = {path: content for path, content in image.items() if content is not None}
        there = lab.files_of(self.world)
        if image != there:
            differing = [path for path in sorted(set(image) | set(there)) if image.get(path) != there.get(path)]
            raise SystemExit(f"{self.name}: the recording is not complete: {', '.join(differing)}")

    def promises(self):
        """What was announced after so many records: a list of (commit, whether the last announcement was made)."""
        committed, printed, said = self.commit_before(), False, b""
        found = [(committed, printed)]
        for record in self.records:
            if record.kind == "write" and record.path.endswith("metrics.jsonl"):
                committed = max([committed, *map(int, LOGGED.findall(record.data))])
            elif record.kind == "say":
                said += record.data
                committed = max([committed, *map(int, SAID.findall(record.data))])
                printed = self.announcement in said
            found.append((committed, printed))
        return found

    announcement = b"everything is in "

    def commit_before(self):
        path = self.before / self.newest
        return lab.commit_of(path) if path.exists() else 0

    def judge(self, checker, image, promise):
        """What is wrong with this image; None: nothing."""
        found, why = checker.commit(image)
        if found >= promise[0]:
            return None
        what = why if found == 0 else f"commit {found} is there"
        return f"a commit was announced, and is not there: {what}"

    def resume(self, folder, promise):
        """Go on from an image to the end."""
        known = len(lab.events(folder / RUN))
        ended = self.start(folder)
        if ended.status != 0:
            return f"a run cannot go on: exit status {ended.status}: {lab.normalised(ended.last_line(), folder)}"
        starts = [entry for entry in lab.events(folder / RUN)[known:] if entry["event"] == "start"]
        if starts and starts[-1]["commit"] < promise[0]:
            return "a run went on from an older commit than was announced"
        if lab.contents(folder / self.newest) != self.expected:
            return "a run that went on from an image ended with other bits"
        return None


class New(Scenario):
    """A run in a folder that is made for it."""


class GoOn(Scenario):
    """The same from the end of task 2: its folder is sure."""

    def prepare(self):
        self.lab.must(self.lab.train(self.world / RUN, "--set", "stream.tasks=2"))


class Forget(Scenario):
    """Task 1 is forgotten; a commit that an earlier --keep-history kept holds it, too."""

    announcement = b"No byte of the task"
    after_each_call = True

    def prepare(self):
        self.lab.must(self.lab.train(self.world / RUN))
        self.secrets = lab.secrets(self.world / self.newest, 1)
        self.lab.must(self.lab.start(["forget", self.world / RUN, "--task", "0", "--keep-history"]))

    def start(self, world, **how):
        return self.lab.start(["forget", world / RUN, "--task", "1"], **how)

    def judge(self, checker, image, promise):
        if promise[1] and (found := checker.remains(image, self.secrets)):
            return f"certified, but bytes of the task are in {lab.normalised(found)}"
        return super().judge(checker, image, promise)

    def resume(self, folder, promise):
        ended = self.start(folder)
        if ended.status != 0 and "forgotten already" not in ended.error:
            return f"cannot forget any more: exit status {ended.status}: {lab.normalised(ended.last_line(), folder)}"
        if found := lab.remains(lab.files_of(folder), self.secrets):
            return f"forgotten again, but bytes of the task are in {lab.normalised(found)}"
        return None if lab.contents(folder / self.newest) == self.expected else "another end than the undisturbed one"


class Pack(Scenario):
    announcement = b"every digest is right"
    newest = "packed.h5"

    def prepare(self):
        self.lab.must(self.lab.train(self.world / RUN))

    def start(self, world, **how):
        return self.lab.start(["pack", world / RUN, "--output", world / "packed.h5"], **how)

    def judge(self, checker, image, promise):
        if promise[1] and checker.verified(image, self.newest) is None:
            return "a packed file was announced, and is not there or is damaged"
        if self.newest in image and checker.verified(image, self.newest) is None:
            return "a packed file is there that verify refuses"
        return None

    def resume(self, folder, promise):
        ended = self.start(folder)
        if ended.status != 0:
            return f"cannot pack any more: exit status {ended.status}: {lab.normalised(ended.last_line(), folder)}"
        return None if lab.contents(folder / self.newest) == self.expected else "another packed file"


class Checker:
    """apd verify on images; what was seen before is not asked again."""

    def __init__(self, bench):
        self.lab, self.known, self.searched = bench, {}, {}
        self.asked = self.made = 0
        self.lock = threading.Lock()

    def folder(self):
        with self.lock:
            self.made += 1
            return self.lab.work / f"image-{self.made}"

    def verified(self, image, path):
        """The number of the commit in that file if apd finds it whole; None otherwise."""
        own = {name: content for name, content in image.items() if content is not None and
               (name == path or "/segments/" in name)}
        key = hashlib.sha256(repr((path, sorted(own.items()))).encode()).digest()
        if key not in self.known:
            folder = self.folder()
            disk.write_image(own, folder)
            ended = self.lab.start(["verify", folder / path])
            self.asked += 1
            if ended.status not in (0, 65, 74):
                raise SystemExit(f"apd verify ended with {ended.status}: {ended.error}")
            self.known[key] = lab.commit_of(folder / path) if ended.status == 0 else None
            shutil.rmtree(folder)
        return self.known[key]

    def commit(self, image):
        """The commit that a start would use: the newest, or the one before if that is damaged or missing; and why it is
        not a newer one."""
        if RUN not in image:
            return 0, "the run's folder is gone"
        why = "there is none"
        for name in f"{RUN}/checkpoint.h5", f"{RUN}/checkpoint.previous.h5":
            if name in image:
                if (found := self.verified(image, name)) is not None:
                    return found, why
                why = "it is damaged"
        return 0, why

    def remains(self, image, secrets):
        for name, content in image.items():
            if content is not None:
                key = hashlib.sha256(content).digest()
                if key not in self.searched:
                    self.searched[key] = lab.remains({name: content}, secrets) is not None
                if self.searched[key]:
                    return name
        return None


def place(scenario, number):
    if number == 0:
        return "before the first call"
    record = scenario.records[number - 1]
    return f"after call {number} ({record.kind} {record.path.rpartition('/')[2] or record.path})"


class Outcome:
    def __init__(self):
        self.wrong = collections.OrderedDict()

    def add(self, reason, example):
        self.wrong.setdefault(reason, []).append(example)

    def print(self):
        for reason, examples in self.wrong.items():
            print(f"WRONG {len(examples)} x {reason}")
            for example in examples[:3]:
                print(f"    {example}")


def every_prefix(scenario, checker, chosen, outcome):
    """All images after each call; some of them are gone on with."""
    promises, images, seen = scenario.promises(), 0, {}
    without = chosen.without - 1 if chosen.without else None
    for number, state in scenario.replayed(chosen.model, without):
        for name, image in state.images(chosen.mixtures, f"{chosen.seed} {scenario.name} {number}"):
            images += 1
            key = (hashlib.sha256(repr(sorted(image.items())).encode()).digest(), promises[number])
            if key not in seen:
                seen[key] = (name, number, image)
    cases = list(seen.values())
    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        judged = pool.map(lambda case: scenario.judge(checker, case[2], promises[case[1]]), cases)
        bad = 0
        for (name, number, _), reason in zip(cases, judged):
            if reason:
                bad += 1
                outcome.add(reason, f"{scenario.name}, {place(scenario, number)}: {name}")
        dice = random.Random(f"{chosen.seed} {scenario.name}")
        some = dice.sample(cases, min(chosen.resumed, len(cases)))
        some += [case for case in cases if scenario.after_each_call and case[0] == "all kept" and case not in some]

        def go_on(case):
            folder = checker.folder()
            folder.mkdir()
            disk.write_image(case[2], folder)
            reason = scenario.resume(folder, promises[case[1]])
            shutil.rmtree(folder)
            return reason

        for (name, number, _), reason in zip(some, pool.map(go_on, some)):
            if reason:
                bad += 1
                outcome.add(reason, f"{scenario.name}, {place(scenario, number)}: {name}")
    syncs = sum(record.kind == "sync" for record in scenario.records)
    print(f"{scenario.name} ({chosen.model}): {len(scenario.records)} calls, {syncs} syncs, commit {promises[-1][0]} "
          f"announced; {images} images, {len(cases)} of them different, {len(some)} gone on with; "
          f"{bad} wrong", flush=True)


# --- the proof: without a sync something is wrong ----------------------------------------------------------------


def at_risk(state, target, path):
    """What a sync makes sure: the file's bytes, or the changes of the folder's names; and the names of those."""
    if isinstance(target, disk.File):
        return list(target.pending), [], [path.rpartition("/")[2]] if target.pending else []
    changes = [change for change in state.pending if any(folder is target for folder, _ in change.keys())]
    return [], changes, [name if node else f"deleted {name}" for change in changes
                         for (folder, name), node in change.names if folder is target]


def pairs(without, full, writes, changes):
    """Pairs of images, without the sync and with it: what it makes sure is lost, or garbage; or all is lost."""
    for fate in "lost", "garbage":
        yield (without.image(lambda change: not any(change is other for other in changes),
                             lambda record: fate if any(record is other for other in writes) else "kept"),
               full.image(lambda change: True, lambda record: "kept"))
    for keeps_names in True, False:
        yield tuple(state.image(lambda change: keeps_names, lambda record: "lost") for state in (without, full))


def proof_of(scenario, checker, model, missing):
    """Whether the sync that is record number `missing` is needed: (the answer, names that it makes sure)."""
    promises, records = scenario.promises(), scenario.records
    target, writes, changes, names = None, [], [], []
    for (number, without), (_, full) in zip(scenario.replayed(model, missing), scenario.replayed(model)):
        if number == missing:
            target = without.node(records[missing].path)
            writes, changes, names = at_risk(without, target, records[missing].path)
            if not names:
                return "nothing was unsure", names
        if number <= missing:
            continue
        upcoming = records[number] if number < len(records) else None
        gone = records[number - 1].kind in ("unlink", "rename", "rmdir")
        if upcoming is None or gone or promises[number] != promises[number - 1]:
            for image, right in pairs(without, full, writes, changes):
                promise = promises[number]
                if scenario.judge(checker, image, promise) and not scenario.judge(checker, right, promise):
                    return "needed", names
        if upcoming is not None and upcoming.kind == "sync" and without.node(upcoming.path) is target:
            return "another sync of it comes before anything rests on it", names
    return "nothing that was announced rests on it", names


def why_not_needed(names):
    reasons = {next((reason for pattern, reason in NOT_NEEDED if re.fullmatch(pattern, name)), None) for name in names}
    return None if None in reasons else "; ".join(sorted(reasons))


def prove(scenario, checker, chosen, outcome):
    syncs = [i for i, record in enumerate(scenario.records) if record.kind == "sync"]
    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        answers = list(pool.map(lambda i: proof_of(scenario, checker, chosen.model, i), syncs))
    needed, others = sum(answer == "needed" for answer, _ in answers), collections.Counter()
    for i, (answer, names) in zip(syncs, answers):
        path = lab.normalised(scenario.records[i].path or ".")
        if answer == "nothing that was announced rests on it":
            answer = why_not_needed(names) or answer
            if answer == "nothing that was announced rests on it":
                outcome.add(f"without the sync of {path} nothing is wrong: it is superfluous, or the harness is blind",
                            f"{scenario.name}, call {i + 1}, which makes sure {', '.join(names)}")
        if answer != "needed":
            others[path, answer] += 1
    print(f"{scenario.name}: {needed} of {len(syncs)} syncs are needed: without any one an image is wrong", flush=True)
    for (path, reason), count in sorted(others.items()):
        print(f"    not needed: {count} x {path}: {reason}")


# --- the whole ---------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("apd")
    parser.add_argument("library")
    parser.add_argument("--long", action="store_true", help="20 mixtures after each call, both models, two ranks")
    parser.add_argument("--mixtures", type=int, default=3)
    parser.add_argument("--resumed", type=int, default=8, help="images a scenario that are gone on with")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="a scenario's name")
    parser.add_argument("--model", choices=("loose", "ordered"), default="loose")
    parser.add_argument("--no-proof", action="store_true", help="leave out no sync")
    parser.add_argument("--without", type=int, metavar="CALL", help="as if this sync had not taken place")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--at", type=int, help="write the image after this call")
    parser.add_argument("--fate", default="all lost")
    parser.add_argument("--show", type=pathlib.Path, help="into this folder")
    chosen = parser.parse_args()
    if chosen.long:
        chosen.mixtures, chosen.resumed = 20, 150
    bench, outcome = lab.Lab(chosen.apd, "apd-powerloss-"), Outcome()
    checker = Checker(bench)
    makers = {"new": (New, 1), "go-on": (GoOn, 1), "forget": (Forget, 1), "pack": (Pack, 1), "new-2-ranks": (New, 2),
              "forget-2-ranks": (Forget, 2)}
    for name, (make, ranks) in makers.items():
        if chosen.only != name and (chosen.only is not None or ranks > 1 and not chosen.long):
            continue
        scenario = make(bench, chosen.library, name, ranks)
        if chosen.show:
            for number, state in scenario.replayed(chosen.model):
                if number == chosen.at:
                    images = dict(state.images(chosen.mixtures, f"{chosen.seed} {name} {number}"))
                    disk.write_image(images[chosen.fate], chosen.show)
            return 0
        every_prefix(scenario, checker, chosen, outcome)
        if not chosen.no_proof:
            prove(scenario, checker, chosen, outcome)
        if chosen.long and chosen.model == "loose":
            chosen.model = "ordered"
            every_prefix(scenario, checker, chosen, outcome)
            chosen.model = "loose"
    outcome.print()
    print(f"apd verify was asked {checker.asked} times: " +
          ("something is wrong, see above" if outcome.wrong else "what was announced is there in every image"))
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
