#!/usr/bin/python3
"""Let file calls of apd fail, once or lastingly, and see that nothing is lost and that each end is told as it was.

    faults.py APD INJECT.so [--long] [--seed N] [--cases N] [--only SCENARIO] [--errno NAME] [--ranks N] [--jobs N]

Scenarios: a run that goes on from its end of task 2 or from the middle of task 3, `forget`, `pack`. Each is run once in
peace to number its calls; then once for every chosen fault, and again without it. README.md says what counts as wrong.
Exit status 1 when anything was wrong. By default a sample: each kind of call on each kind of file, errnos by the seed.
"""
import argparse
import collections
import concurrent.futures
import errno
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys

import lab

REQUEUE = ("EIO", "ESTALE", "EMFILE", "ENOMEM")  # may pass: exit status 75
GIVE_UP = ("ENOSPC", "EDQUOT", "EROFS", "EACCES")  # stay: exit status 74
CHANGES = {"create", "write", "truncate", "mkdir", "rename", "link", "unlink"}
KINDS = {  # the calls that can fail so; EIO and ESTALE: all
    "EMFILE": {"open", "fopen", "create", "opendir"},
    "ENOMEM": {"open", "fopen", "create", "opendir", "list", "stat", "access", "read", "rename", "link", "unlink",
               "mkdir"},
    "ENOSPC": {"create", "write", "truncate", "mkdir", "rename", "link", "sync", "close"},
    "EDQUOT": {"create", "write", "truncate", "mkdir", "rename", "link", "sync", "close"},
    "EROFS": CHANGES,
    "EACCES": {"open", "fopen", "create", "opendir", "stat", "access", "rename", "link", "unlink", "mkdir"},
}
Call = collections.namedtuple("Call", "number kind path")


def can_fail(name, kind):
    return kind in KINDS.get(name, {kind}) and not (kind in ("advise", "glob") and name != "EIO")


def read_log(path):
    """The calls of a log, and the faults that came to pass: pairs (call, errno's name or "short")."""
    calls, struck = [], []
    for line in path.read_text().splitlines() if path.exists() else []:
        number, kind, code, name = line.split(" ", 3)
        calls.append(Call(int(number), kind, name))
        if code != "0":
            struck.append((calls[-1], code if code == "short" else errno.errorcode[int(code)]))
    return calls, struck


class Scenario:
    """One command on a copy of a prepared folder. `ready` is that folder, `run` the copy's name."""

    def __init__(self, bench, name):
        self.lab, self.name = bench, name
        self.ready = bench.work / f"ready-{name}"

    def start(self, folder, **how):
        return self.lab.train(folder / "run", "--set", "checkpoint.minutes=1e-6", **how)

    def peace(self):
        """The undisturbed end, which all others are compared with."""
        folder = self.lab.work / f"peace-{self.name}"
        shutil.copytree(self.ready, folder)
        self.lab.must(self.start(folder))
        self.expected = lab.contents(folder / "run/checkpoint.h5")
        self.tables = tables(lab.files_of(folder / "run"))
        self.begin = lab.commit_of(self.ready / "run/checkpoint.h5")
        return folder

    def compare(self, folder, first, again):
        """The end, after both starts, is the undisturbed one's."""
        if lab.contents(folder / "run/checkpoint.h5") != self.expected:
            yield "another end than the undisturbed one's"
        if again.status == 0 and tables(lab.files_of(folder / "run")) != self.tables:
            yield "other tables than the undisturbed ones"
        elif first.status == 0 and tables(first.files) != self.tables:
            yield "exit status 0, but other tables than the undisturbed ones"


def tables(files):
    """A run's tables without the seconds in them."""
    rows = files.get("tasks.csv", b"").splitlines()
    return files.get("accuracy.csv"), [row.split(b",")[:7] for row in rows]


class Train(Scenario):
    def __init__(self, bench, half_way):
        super().__init__(bench, "train-half-way" if half_way else "train")
        bench.must(bench.train(self.ready / "run", "--set", "stream.tasks=2"))
        if half_way:
            (self.ready / "run/stop").touch()
            bench.must(bench.train(self.ready / "run"), 75)
        self.peace()

    def check(self, folder, first, again):
        """What is wrong after a faulty and a peaceful start."""
        run = folder / "run"
        if again.status != 0:
            yield f"cannot go on: exit status {again.status}: {lab.normalised(again.last_line(), folder)}"
            return
        starts = [entry for entry in lab.events(run) if entry["event"] == "start"]
        committed = max([self.begin] + [entry["commit"] for entry in first.announced])
        if starts[-1]["tasks_done"] < 2 or starts[-1]["commit"] < committed:
            yield f"a commit was lost: {committed - starts[-1]['commit']} commits back"
        said = first.output + first.error
        for task in 1, 2:
            if f"task   {task} of 3" in said + again.output + again.error:
                yield f"task {task} was trained again"
        yield from self.compare(folder, first, again)


class Forget(Scenario):
    """Task 1 is forgotten; a commit that an earlier --keep-history kept holds it, too."""

    def __init__(self, bench):
        super().__init__(bench, "forget")
        bench.must(bench.train(self.ready / "run"))
        self.secrets = lab.secrets(self.ready / "run/checkpoint.h5", 1)
        bench.must(bench.start(["forget", self.ready / "run", "--task", "0", "--keep-history"]))
        if found := lab.remains(lab.files_of(self.peace()), self.secrets):
            raise SystemExit(f"forgotten in peace, but bytes remain in {found}")

    def start(self, folder, **how):
        return self.lab.start(["forget", folder / "run", "--task", "1"], **how)

    def check(self, folder, first, again):
        run = folder / "run"
        if "No byte of the task" in first.output and lab.remains(first.files, self.secrets):
            yield f"certified, but bytes remain in {lab.remains(first.files, self.secrets)}"
        if again.status != 0 and not (again.status == 2 and "forgotten already" in again.error):
            yield f"cannot forget any more: exit status {again.status}: {lab.normalised(again.last_line(), folder)}"
            return
        if found := lab.remains(lab.files_of(run), self.secrets):
            yield f"forgotten, but bytes remain in {lab.normalised(found)}"
        yield from self.compare(folder, first, again)


class Pack(Scenario):
    def __init__(self, bench):
        super().__init__(bench, "pack")
        bench.must(bench.train(self.ready / "run"))
        self.peace()

    def start(self, folder, **how):
        return self.lab.start(["pack", folder / "run", "--output", folder / "packed.h5"], **how)

    def check(self, folder, first, again):
        packed = folder / "packed.h5"
        if first.status == 0 and "packed.h5" not in first.files_beside:
            yield "done, but no packed file is there"
        if again.status != 0:
            yield f"cannot pack any more: exit status {again.status}: {lab.normalised(again.last_line(), folder)}"
        elif lab.contents(packed) != self.expected:
            yield "another packed file than the undisturbed one"

    def judge_packed(self, folder):
        packed = folder / "packed.h5"
        if packed.exists() and self.lab.start(["verify", packed]).status != 0:
            yield "a packed file is there that verify refuses"


class Injector:
    def __init__(self, bench, library):
        self.lab, self.library = bench, str(pathlib.Path(library).resolve())
        self.count = 0

    def copy(self, scenario):
        self.count += 1
        folder = self.lab.work / f"case-{self.count}"
        shutil.copytree(scenario.ready, folder)
        return folder

    def environment(self, folder, faults, rank):
        return {"LD_PRELOAD": self.library, "INJECT_FOLDER": folder, "INJECT_LOG": f"{folder}.log",
                "INJECT_FAULTS": ",".join(faults), "INJECT_RANK": rank}

    def calls(self, scenario, ranks, rank):
        """The calls of that rank in an undisturbed start."""
        folder = self.copy(scenario)
        self.lab.must(scenario.start(folder, ranks=ranks, extra=self.environment(folder, [], rank)))
        calls = read_log(pathlib.Path(f"{folder}.log.{rank}"))[0]
        shutil.rmtree(folder)
        return [call._replace(path=call.path.replace(str(folder), "")) for call in calls]

    def strike(self, scenario, folder, faults, ranks, rank):
        """One start with these faults, one without: (first start, faults that came to pass, all that is wrong)."""
        log = pathlib.Path(f"{folder}.log.{rank}")
        known = len(lab.events(folder / "run"))
        first = scenario.start(folder, ranks=ranks, extra=self.environment(folder, faults, rank))
        struck = read_log(log)[1]
        first.announced = [entry for entry in lab.events(folder / "run")[known:] if "commit" in entry]
        first.files = lab.files_of(folder / "run")
        first.files_beside = lab.files_of(folder)
        wrong = list(judge_end(first, struck, folder)) if struck else []
        wrong += judge_folder(folder / "run")
        if isinstance(scenario, Pack):
            wrong += scenario.judge_packed(folder)
        wrong += scenario.check(folder, first, scenario.start(folder))
        return first, struck, wrong


def judge_end(first, struck, folder):
    """The exit status and the message of a start that had faults."""
    names = [name for _, name in struck]
    right = {0} | ({75} if set(names) & set(REQUEUE) else set()) | ({74} if set(names) & set(GIVE_UP) else set())
    line = lab.normalised(first.last_line(), folder)[:150]
    if first.status is None:
        yield "a hang"
    elif first.status < 0 or first.status > 128:
        yield f"a crash: {first.status}"
    elif first.status not in right:
        damage = "called damage: " if "damaged" in first.error or first.status == 65 else ""
        yield f"{damage}exit status {first.status}, not {max(right)}: {line}"
    if first.status not in (0, None):
        texts = [os.strerror(getattr(errno, name)) for name in names if name != "short"]
        if not any(text in first.error for text in texts):
            yield f"a message without errno's text: {line}"
        elif str(folder) not in first.error:
            yield f"a message that names no file: {line}"


def judge_folder(run):
    """Commits of a run between two starts: both must be whole, none put aside."""
    for name in "checkpoint.h5", "checkpoint.previous.h5":
        if (run / name).exists():
            try:
                lab.contents(run / name)
            except (KeyError, OSError) as reason:
                yield f"{name} cannot be read any more: {lab.normalised(str(reason), run)[:120]}"
    if (run / "checkpoint.damaged.h5").exists():
        yield "a good commit was put aside as damaged"


# --- which faults ------------------------------------------------------------------------------------------------


def families(calls):
    """The calls by kind and file, numbers in names left out."""
    found = collections.defaultdict(list)
    for call in calls:
        found[call.kind, lab.normalised(call.path)].append(call)
    return found


def sampled(calls, count, dice):
    """A fault for each family of calls, then others until there are `count`; some are pairs, short or lasting."""
    groups = list(families(calls).values())
    dice.shuffle(groups)
    picked = [dice.choice(group) for group in groups]
    picked += dice.sample(calls, max(0, min(count - len(picked), len(calls))))
    for i, call in enumerate(picked[:count]):
        names = [name for name in REQUEUE + GIVE_UP if can_fail(name, call.kind)]
        often = names[i % min(2, len(names))]  # EIO or ESTALE
        name = often if dice.random() < 0.5 else dice.choice(names)
        code = getattr(errno, name)
        if call.kind in ("read", "write") and dice.random() < 0.15:
            yield [f"{call.number}:short"]
        elif i % 8 == 5:
            yield [f"{call.number}:{code}", f"{call.number + dice.randrange(1, 30)}:{errno.EIO}"]
        elif i % 8 == 7:
            yield [f"{call.number}+:{code}"]
        else:
            yield [f"{call.number}:{code}"]
    yield [f"open+:{errno.EMFILE}"]
    yield [f"write+:{errno.ENOSPC}"]


def everything(calls, dice, only, ranks):
    """Each call with each errno, or with `only`; short transfers; lasting faults and pairs. On two ranks, which take
    long to start, each call has one errno by chance."""
    for call in calls:
        names = [name for name in REQUEUE + GIVE_UP if can_fail(name, call.kind) and only in (None, name)]
        for name in names if ranks == 1 or not names else [dice.choice(names)]:
            yield [f"{call.number}:{getattr(errno, name)}"]
    if only is not None or ranks > 1:
        return
    for call in calls:
        name = dice.choice([name for name in REQUEUE + GIVE_UP if can_fail(name, call.kind)])
        code = getattr(errno, name)
        yield [f"{call.number}+:{code}"]
        yield [f"{call.number}:{code}", f"{dice.randint(call.number + 1, len(calls) + 20)}:{errno.EIO}"]
        if call.kind in ("read", "write"):
            yield [f"{call.number}:short"]
    for kind in sorted({call.kind for call in calls}):
        for name in REQUEUE + GIVE_UP:
            if can_fail(name, kind):
                yield [f"{kind}+:{getattr(errno, name)}"]


# --- the wrappers against strace ---------------------------------------------------------------------------------

SYSTEM_CALLS = {
    "open": "open", "openat": "open", "openat2": "open", "creat": "open", "stat": "stat", "lstat": "stat",
    "fstat": "stat", "newfstatat": "stat", "statx": "stat", "access": "access", "faccessat": "access",
    "faccessat2": "access", "getdents64": "list", "getdents": "list", "read": "read", "pread64": "read",
    "readv": "read", "preadv": "read", "preadv2": "read", "write": "write", "pwrite64": "write", "writev": "write",
    "pwritev": "write", "pwritev2": "write", "close": "close", "rename": "rename", "renameat": "rename",
    "renameat2": "rename", "link": "link", "linkat": "link", "unlink": "unlink", "unlinkat": "unlink",
    "rmdir": "unlink", "mkdir": "mkdir", "mkdirat": "mkdir", "ftruncate": "truncate", "truncate": "truncate",
    "fsync": "sync", "fdatasync": "sync", "sync_file_range": "sync", "flock": "lock", "fcntl": "lock", "mmap": "map",
    "fadvise64": "advise"}
NEVER_FAIL = {"lseek", "readlink", "execve", "chdir", "getcwd", "dup", "dup2", "dup3", "fstatfs", "statfs"}


def traced(text, folder):
    """Pairs (kind, path) of the system calls below the folder, as `strace -f -y` prints them; and what has no kind."""
    found, strange, pending = collections.Counter(), set(), {}
    for line in text.splitlines():
        match = re.match(r"(\d+)\s+(.*)", line)
        if match is None:
            continue
        thread, call = match.groups()
        if call.endswith("<unfinished ...>"):
            pending[thread] = call[: -len("<unfinished ...>")]
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", call):
            call = pending.pop(thread, "") + resumed.group(1)
        if not (name := re.match(r"(\w+)\((.*)", call)):
            continue
        name, arguments = name.groups()
        arguments = arguments.rsplit(" = ", 1)[0]
        at = re.match(r"\w+<([^>]*)>(?:\(deleted\))?(?:, \"([^\"]*)\")?", arguments)
        path = re.match(r"\"([^\"]*)\"", arguments)
        if at and at.group(2):
            path = at.group(2) if at.group(2).startswith("/") else f"{at.group(1)}/{at.group(2)}"
        elif name == "mmap" and (mapped := re.search(r"<(/[^>]*)>", arguments)):
            path = mapped.group(1)
        else:
            path = at.group(1) if at else path.group(1) if path else ""
        if not (path == folder or path.startswith(folder + "/")) or name in NEVER_FAIL:
            continue
        if name == "fcntl" and not re.search(r"F_(OFD_)?[SG]ETLKW?\b", arguments):
            continue
        if name in SYSTEM_CALLS:
            found[SYSTEM_CALLS[name], path] += 1
        else:
            strange.add(name)
    return found, strange


def check_coverage(injector, scenario):
    """Every system call below the folder passed a wrapper; None where strace is not to be had."""
    folder = injector.copy(scenario)
    trace = pathlib.Path(f"{folder}.trace")
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", trace, "true"], capture_output=True, check=False).returncode:
        return None
    given = [f"{key}={value}" for key, value in injector.environment(folder, [], 0).items()]
    injector.lab.must(scenario.start(folder, before=[strace, "-f", "-y", "-s", "0", "-e", "trace=file,desc", "-o",
                                                     str(trace), "env", *given]))
    calls = read_log(pathlib.Path(f"{folder}.log.0"))[0]
    system, strange = traced(trace.read_text(), str(folder))
    wrapped = collections.Counter()
    for call in calls:
        path = call.path.removesuffix(" (deleted)")
        wrapped["open" if call.kind in ("create", "fopen", "opendir") else call.kind, path] += 1
        if call.kind in ("fopen", "opendir"):  # the C library looks at what it opened
            wrapped["stat", path] += 1
    for kind, path in [key for key in wrapped if key[1].endswith("XXXXXX")]:  # mkstemp's: the log has the template
        named = next((key for key in sorted(set(system) - set(wrapped))
                      if key[0] == kind and key[1].startswith(path[:-6])), None)
        wrapped[named or (kind, path)] += wrapped.pop((kind, path))
    wrong = [f"the system call {name} has no wrapper" for name in sorted(strange)]
    for key in sorted(set(system) | set(wrapped)):
        kind, path = key
        same = system[key] == wrapped[key] or kind == "glob" or kind == "list" and system[key] and wrapped[key]
        if not same and not any(call.kind == "glob" and os.path.dirname(call.path) == path for call in calls):
            wrong.append(f"{kind} of {path.removeprefix(str(folder))}: {system[key]} system calls, {wrapped[key]} seen")
    print(f"{scenario.name}: {sum(system.values())} system calls below the folder, "
          f"{'each of them in a wrapped function' if not wrong else f'not covered: {wrong}'}", flush=True)
    return wrong


# --- the whole ---------------------------------------------------------------------------------------------------


class Report:
    def __init__(self):
        self.wrong, self.total = collections.defaultdict(list), 0

    def add(self, scenario, ranks, faults, done):
        first, struck, wrong = done
        what = "; ".join(f"{name} at call {call.number} ({call.kind} {os.path.basename(call.path)})"
                         for call, name in struck[:2]) or f"{faults}: not reached"
        for reason in wrong:
            self.wrong[reason].append(f"{scenario.name} at {ranks} rank{'s' if ranks > 1 else ''}: {what}")

    def scenario(self, scenario, ranks, results, calls):
        ends = collections.Counter(first.status for first, struck, _ in results if struck)
        injected, bad = sum(ends.values()), sum(bool(wrong) for _, _, wrong in results)
        self.total += injected
        ends = ", ".join(f"{count} ended with {status}" for status, count in sorted(ends.items(), key=str))
        print(f"{scenario.name} at {ranks} rank{'s' if ranks > 1 else ''}: {len(calls)} calls, {injected} starts with "
              f"faults: {ends}; {bad} wrong", flush=True)

    def end(self):
        for reason, cases in sorted(self.wrong.items(), key=lambda item: -len(item[1])):
            print(f"WRONG {len(cases)} x {reason}")
            for case in cases[:3]:
                print(f"    {case}")
        print(f"{self.total} starts with faults: "
              f"{'nothing was lost, and each end was told as it was' if not self.wrong else 'see above'}")
        return 1 if self.wrong else 0


def run_all(injector, scenario, chosen, ranks, rank, count, report):
    dice = random.Random(f"{chosen.seed} {scenario.name} {ranks} {rank}")
    calls = injector.calls(scenario, ranks, rank)
    if not calls:
        return
    if chosen.long or chosen.errno:
        faults = list(everything(calls, dice, chosen.errno, ranks))
    else:
        faults = list(sampled(calls, count, dice))

    def one(case):
        folder = injector.copy(scenario)
        done = injector.strike(scenario, folder, case, ranks, rank)
        shutil.rmtree(folder)
        for log in folder.parent.glob(f"{folder.name}.log.*"):
            log.unlink()
        done[0].files = done[0].files_beside = None
        return done

    with concurrent.futures.ThreadPoolExecutor(chosen.jobs if ranks == 1 else 1) as pool:
        results = list(pool.map(one, faults))
    for case, done in zip(faults, results):
        report.add(scenario, ranks, case, done)
    report.scenario(scenario, ranks, results, calls)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("apd")
    parser.add_argument("library")
    parser.add_argument("--long", action="store_true", help="every call, every errno, lasting faults and pairs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=50, help="of the sample, in training at one rank")
    parser.add_argument("--only", help="a scenario's name")
    parser.add_argument("--errno", help="every call with this errno alone")
    parser.add_argument("--ranks", type=int, choices=(1, 2), help="at one or at two ranks alone")
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    bench, report = lab.Lab(chosen.apd, "apd-faults-"), Report()
    injector = Injector(bench, chosen.library)
    makers = {"train": lambda: Train(bench, False), "train-half-way": lambda: Train(bench, True),
              "forget": lambda: Forget(bench), "pack": lambda: Pack(bench)}
    for name, make in makers.items():
        if chosen.only not in (None, name):
            continue
        scenario = make()
        if chosen.ranks != 2:
            wrong = check_coverage(injector, scenario)
            if wrong is None:
                print(f"{name}: strace is not to be had: whether every call passes a wrapper is not checked")
            for text in wrong or []:
                report.wrong[text].append(name)
        share = 1.0 if name == "train" else 0.5
        if chosen.ranks != 2:
            run_all(injector, scenario, chosen, 1, 0, int(chosen.cases * share), report)
        if chosen.ranks != 1 and name in ("train", "forget"):
            for rank in 0, 1:
                run_all(injector, scenario, chosen, 2, rank, int(chosen.cases * share) // 15, report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
