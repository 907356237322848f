#!/usr/bin/env python3
"""Make runs' folders by hand, have their tables written, and compute every figure by itself: check_tables.py MAKE_TABLES.

Plain Python over the rows of accuracy.csv, with brute force over all signs for p. Ends with status 1 at the first mismatch.
"""
import csv
import itertools
import json
import math
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

SHARES = ("acc", "la", "bwt", "forgetting", "worst")
COSTS = ("capacity", "capacity_with_heads", "capacity_bytes", "capacity_coded", "seconds", "memory_bytes")
NASTY = "a_b%c&d#e$f{g}h\\i~j^k|l*<m>"


def demand(holds, what):
    if not holds:
        sys.exit("check_tables: " + str(what))


def near(actual, expected, what):
    if expected is None:
        demand(actual == "", f"{what}: {actual}, not empty")
    else:
        demand(actual != "" and math.isclose(float(actual), expected, rel_tol=1e-8, abs_tol=1e-9),
               f"{what}: {actual}, not {expected}")


# --- runs made by hand -----------------------------------------------------------------------------------------------


class Run:
    """matrix[i][j]: accuracy on the j-th trained task after the i-th; None: forgotten."""

    def __init__(self, name, method, order, seed, ids, matrix, value="4e-4", done=None, digest="00000000000000ab",
                 kind="split", part="test"):
        self.name, self.method, self.order, self.seed, self.ids = name, method, order, seed, ids
        self.matrix, self.value, self.digest, self.kind, self.part = matrix, value, digest, kind, part
        self.done = len(ids) if done is None else done
        draw = random.Random(name)
        self.cost = {cost: round(draw.uniform(0.5, 9), 4) for cost in COSTS[:4]}
        self.cost["memory_bytes"] = draw.randrange(10**7, 10**9)
        self.times = [round(draw.uniform(0.1, 99), 3) for _ in ids]
        self.cost["seconds"] = sum(self.times[:self.done])

    def write(self, folder):
        os.makedirs(os.path.join(folder, self.name))
        width = f", tasks: {len(self.ids)}" if self.kind == "permutation" else ", classes_per_task: 2"
        self.put(folder, "run.yaml", f"seed: {self.seed}\nevaluate: {self.part}\n"
                                     f"data: {{file: /some.h5, validation: 0.2}}\nmethod: {{name: {self.method}}}\n"
                                     f"stream: {{kind: {self.kind}, order: {self.order}{width}}}\n")
        if self.done == 0:
            return
        manifest = {"hosts": 'a "b"', "ranks": 2, "data_digest": self.digest, "tasks_done": self.done,
                    "tasks": len(self.ids), "checkpoint_bytes": 12345,
                    "peak_bytes_a_rank": self.cost["memory_bytes"], **{cost: self.cost[cost] for cost in COSTS[:4]}}
        self.put(folder, "manifest.json", json.dumps(manifest, indent=2))
        lines = ["after_task" + "".join(f",task_{i}" for i in self.ids)]
        for i in range(self.done):
            cells = ["" if j > i or self.matrix[i][j] is None else f"{self.matrix[i][j]:.6f}"
                     for j in range(len(self.ids))]
            lines.append(f"{self.ids[i]}," + ",".join(cells))
        self.put(folder, "accuracy.csv", "\n".join(lines) + "\n")
        lines = ["place,task,name,classes,accuracy_learned,accuracy,tau_nonzeros,bytes,epochs,seconds"]
        for i in range(self.done):
            gone = self.matrix[self.done - 1][i] is None
            lines.append(f'{i},{self.ids[i]},"task ""{self.ids[i]}"", or so",{0 if gone else 2},,,7,{100 + i},3,'
                         f"{self.times[i]}")
        self.put(folder, "tasks.csv", "\n".join(lines) + "\n")

    def put(self, folder, name, text):
        with open(os.path.join(folder, self.name, name), "w", encoding="utf-8") as file:
            file.write(text)

    def figures(self, left_out):
        """As METHOD has them, over the tasks that stay."""
        stay = [p for p in range(self.done) if self.ids[p] not in left_out]
        last, old = self.matrix[-1], [p for p in range(self.done - 1) if self.ids[p] not in left_out]
        return {
            "acc": statistics.fmean(last[p] for p in stay),
            "la": statistics.fmean(self.matrix[p][p] for p in stay),
            "bwt": statistics.fmean(last[p] - self.matrix[p][p] for p in old),
            "forgetting": statistics.fmean(max(self.matrix[i][p] for i in range(p, self.done - 1)) - last[p]
                                           for p in old),
            "worst": min(last[p] for p in stay),
            **self.cost,
        }

    def final(self):
        return dict(zip(self.ids, self.matrix[-1]))


def draw(name, method, order, seed, ids, drop=0.0, **more):
    """A run with drawn accuracies; tasks drift by up to `drop` when others are learned."""
    source = random.Random(name)
    matrix, row = [], []
    for i in range(len(ids)):
        row = [round(min(1, max(0, value + source.uniform(-drop, drop / 2))), 6) for value in row]
        row.append(round(source.uniform(0.3, 0.95), 6))
        matrix.append(row + [None] * (len(ids) - i - 1))
    return Run(name, method, order, seed, ids, matrix, **more)


def make(tool, folder, runs, keys=("method.name", "method.lambda1", "stream.order", "seed"), names=()):
    """Write the runs, and their tables into FOLDER/out."""
    for run in runs:
        run.write(folder)
    out = os.path.join(folder, "out")
    os.makedirs(out)
    arguments = []
    for run in runs:
        values = {"method.name": run.method, "method.lambda1": run.value, "stream.order": str(run.order),
                  "seed": str(run.seed)}
        arguments += [os.path.join(folder, run.name)] + [values[key] for key in keys]
    for name in names:
        arguments += [os.path.join(folder, name)] + ["stl", "4e-4", "A", "77"][:len(keys)]
    done = subprocess.run([tool, out, str(len(keys)), *keys, *arguments], capture_output=True, text=True, check=False)
    return out, done


def read(out, name):
    with open(os.path.join(out, name), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- what the files must say -----------------------------------------------------------------------------------------


def summarize(values):
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def spread(runs, left_out):
    """OPD by task, seeds averaged within an order first; None with fewer than two orders."""
    orders = {}
    for run in runs:
        orders.setdefault(tuple(run.ids), []).append(run.final())
    tasks = [task for task in sorted(runs[0].ids) if task not in left_out]
    means = {order: {task: statistics.fmean(final[task] for final in finals) for task in tasks}
             for order, finals in orders.items()}
    opd = {task: max(mean[task] for mean in means.values()) - min(mean[task] for mean in means.values())
           for task in tasks}
    return (opd if len(orders) > 1 else None), len(orders), sorted(len(finals) for finals in orders.values())


def brute_p(differences):
    total = abs(sum(differences))
    extreme = sum(abs(sum(sign * d for sign, d in zip(signs, differences))) >= total - 1e-9
                  for signs in itertools.product((-1, 1), repeat=len(differences)))
    return extreme / 2 ** len(differences)


def check_results(out, runs, tables):
    rows = {row["run"]: row for row in read(out, "results.csv")}
    for run in runs:
        row = rows[run.name]
        demand((row["method"], row["seed"], row["method.lambda1"]) == (run.method, str(run.seed), run.value), row)
        demand(row["state"] == ("finished" if run.done == len(run.ids) else "unfinished"), row)
        demand(int(row["tasks_done"]) == run.done, row)
        place = next((t for t, (members, _) in enumerate(tables) if run in members), None)
        if place is None:
            demand(all(row[name] == "" for name in SHARES + COSTS) and row["note"] != "", row)
            continue
        demand(row["table"] == str(place + 1) and row["evaluate"] == run.part, row)
        for name, value in run.figures(tables[place][1]).items():
            near(row[name], value, f"{run.name} {name}")
        demand(row["note"] == "" or tables[place][1], row)
    sheet = read(out, "tasks.csv")
    demand(len(sheet) == sum(run.done for run in runs), "rows of tasks.csv")
    by_name = {run.name: run for run in runs}
    for row in sheet:
        run, place = by_name[row["run"]], int(row["place"])
        demand(row["name"] == f'task "{run.ids[place]}", or so' and int(row["task"]) == run.ids[place], row)
        last = run.matrix[run.done - 1][place]
        near(row["accuracy"], last, "accuracy in tasks.csv")
        near(row["accuracy_learned"], None if last is None else run.matrix[place][place], "accuracy_learned")
        near(row["seconds"], run.times[place], "seconds in tasks.csv")


def lines_of(members):
    lines = {}
    for run in members:
        lines.setdefault((run.method, run.value), []).append(run)
    return lines


def check_summary(out, tables):
    rows = read(out, "summary.csv")
    expected = [(t, name, line) for t, (members, _) in enumerate(tables) for name, line in lines_of(members).items()]
    demand(len(rows) == len(expected), f"{len(rows)} lines, not {len(expected)}")
    for row, (t, (method, value), line) in zip(rows, expected):
        left_out = tables[t][1]
        demand((row["table"], row["method"], row["method.lambda1"]) == (str(t + 1), method, value), row)
        for name in SHARES + COSTS:
            mean, deviation = summarize([run.figures(left_out)[name] for run in line])
            near(row[name], mean, f"mean {name} of {method}")
            near(row[name + "_sd"], deviation, f"deviation of {name} of {method}")
        opd, orders, seeds = spread(line, left_out)
        demand((row["orders"], row["least_seeds"], row["most_seeds"], row["runs"]) ==
               (str(orders), str(seeds[0]), str(seeds[-1]), str(len(line))), row)
        near(row["aopd"], statistics.fmean(opd.values()) if opd else None, "AOPD")
        near(row["mopd"], max(opd.values()) if opd else None, "MOPD")
        demand(row["no_aopd_because"] == ("" if opd else "one order"), row)
        if opd:
            near(str(opd[int(row["mopd_task"])]), max(opd.values()), "the task of MOPD")


def pairs_of(first, second, left_out):
    return [a.figures(left_out)["acc"] - b.figures(left_out)["acc"] for a in first for b in second
            if (a.ids, a.seed) == (b.ids, b.seed)]


def check_paired(out, tables):
    rows = read(out, "paired.csv")
    expected = [(t, a, b) for t, (members, _) in enumerate(tables)
                for a, b in itertools.combinations(lines_of(members).items(), 2)]
    demand(len(rows) == len(expected), "rows of paired.csv")
    for row, (t, ((method, value), first), ((other, _), second)) in zip(rows, expected):
        demand((row["first_method"], row["first_method.lambda1"], row["second_method"]) == (method, value, other), row)
        d = pairs_of(first, second, tables[t][1])
        demand(int(row["pairs"]) == len(d) and int(row["first_wins"]) == sum(x > 0 for x in d), row)
        near(row["acc_difference"], statistics.fmean(d) if d else None, "difference")
        near(row["acc_difference_sd"], statistics.stdev(d) if len(d) > 1 else None, "its deviation")
        near(row["p"], brute_p(d) if d else None, f"p of {d}")


def shown(value, deviation, digits, none, plus_minus):
    if value is None:
        return none
    text = f"{value:.{digits}f}"
    text = text.lstrip("-") if float(text) == 0 else text
    return text if deviation is None else f"{text}{plus_minus}{deviation:.{digits}f}"


def plain(cell):
    """A cell without marks."""
    cell = cell.strip().replace("$-$", "-").replace(" $\\pm$ ", " ± ")
    cell = re.sub(r"\\(textbf|underline)\{([^}]*)\}", r"\2", cell)
    return re.sub(r"\*+([^*]+)\*+", r"\1", cell)


def tables_in(text, latex):
    """Rows of cells of each table."""
    if latex:
        return [[line.removesuffix(" \\\\").split(" & ") for line in body.splitlines() if " & " in line]
                for body in re.findall(r"\\toprule\n(.*?)\\bottomrule", text, re.S)]
    blocks = re.findall(r"((?:^\|.*\|\n)+)", text, re.M)
    return [[[cell for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines() if "---" not in line]
            for block in blocks]


def check_marks(rows, columns, less, latex):
    """The best is bold, the second underlined, by what is shown."""
    best, second = (("\\textbf{", "\\underline{") if latex else ("**", "*"))
    for c in columns:
        cells = [row[c].strip() for row in rows]
        values = {i: float(re.match(r"-?[\d.]+", plain(cell)).group()) for i, cell in enumerate(cells)
                  if re.match(r"-?[\d.]", plain(cell))}
        ranked = sorted(set(values.values()), reverse=c not in less)
        for i, cell in enumerate(cells):
            mark = best if cell.startswith(best) else second if cell.startswith(second) else None
            wanted = None
            if len(ranked) > 1 and i in values:
                wanted = best if values[i] == ranked[0] else second if values[i] == ranked[1] else None
            demand(mark == wanted, f"mark {mark}, not {wanted}, at {cell} among {cells}")


def check_printed(out, tables, name, latex):
    with open(os.path.join(out, name), encoding="utf-8") as file:
        text = file.read()
    found = tables_in(text, latex)
    none = "--" if latex else "-"
    for t, (members, left_out) in enumerate(tables):
        lines = lines_of(members)
        first, cost = found.pop(0)[1:], found.pop(0)[1:]
        for row, second, line in zip(first, cost, lines.values()):
            opd, orders, seeds = spread(line, left_out)
            cells = []
            for share in SHARES:
                mean, deviation = summarize([100 * run.figures(left_out)[share] for run in line])
                cells.append(shown(mean, deviation, 2, none, " ± "))
            cells.append(shown(100 * statistics.fmean(opd.values()) if opd else None, None, 2, none, ""))
            cells.append(shown(100 * max(opd.values()) if opd else None, None, 2, none, ""))
            seeds = str(seeds[0]) if seeds[0] == seeds[-1] else f"{seeds[0]}-{seeds[-1]}"
            cells += [str(orders), seeds, str(len(line))]
            demand([plain(cell) for cell in row[2:]] == cells, f"{name}: {row[2:]}, not {cells}")
            for cell, key, scale in zip(second[2:], COSTS, (100, 100, 100, 100, 1, 1e-6)):
                mean, deviation = summarize([scale * run.figures(left_out)[key] for run in line])
                demand(plain(cell) == shown(mean, deviation if key == "seconds" else None, 1, none, " ± "),
                       f"{name}: {key} {cell}, not {mean}")
        demand(len(first) == len(lines), f"{name}: lines of table {t + 1}")
        check_marks(first, range(2, 9), (5, 7, 8), latex)
        check_marks(cost, range(2, 8), range(2, 8), latex)
        if len(lines) > 1:
            pairs = found.pop(0)[1:]
            for row, (one, other) in zip(pairs, itertools.combinations(lines.values(), 2)):
                d = pairs_of(one, other, left_out)
                cells = [shown(100 * statistics.fmean(d) if d else None, None, 2, none, ""),
                         shown(100 * statistics.stdev(d) if len(d) > 1 else None, None, 2, none, ""),
                         str(sum(x > 0 for x in d)) if d else none, f"{brute_p(d):.3g}" if d else none, str(len(d))]
                demand([plain(cell) for cell in row[2:]] == cells, f"{name}: {row}, not {cells}")
            demand(len(pairs) == len(lines) * (len(lines) - 1) // 2, f"{name}: pairs")
    demand(not found, f"{name}: {len(found)} tables too many")
    return text


def check_all(out, runs, tables):
    check_results(out, runs, tables)
    check_summary(out, tables)
    check_paired(out, tables)
    return check_printed(out, tables, "tables.md", False), check_printed(out, tables, "tables.tex", True)


def check_typeset(out):
    """Where pdflatex is installed: tables.tex compiles, and no line is too long for the page."""
    if shutil.which("pdflatex") is None:
        return
    page = ("\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\sloppy\n\\begin{document}\n\\input{tables}\n"
            "\\end{document}\n")
    with open(os.path.join(out, "page.tex"), "w", encoding="utf-8") as file:
        file.write(page)
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"], cwd=out,
                          capture_output=True, text=True, errors="replace", check=False)
    demand(done.returncode == 0 and os.path.getsize(os.path.join(out, "page.pdf")) > 1000, done.stdout[-2000:])
    demand("Overfull" not in done.stdout, done.stdout)


# --- cases -----------------------------------------------------------------------------------------------------------


def case_study(tool, folder):
    """Three orders, two or three seeds, four lines, a nasty value, a run half way, one not started, one with other tasks."""
    orders = {"A": [0, 1, 2, 3], "[2, 0, 3, 1]": [2, 0, 3, 1], "[3, 2, 1, 0]": [3, 2, 1, 0]}
    runs = [draw(f"{method}-{n}-{seed}", method, order, seed, ids, drop)
            for method, drop in (("apd", 0.0), ("finetune", 0.3))
            for n, (order, ids) in enumerate(orders.items()) for seed in range(2)]
    runs.append(draw("apd-0-2", "apd", "A", 2, orders["A"]))
    runs += [draw(f"nasty-{seed}", "apd", "A", seed, orders["A"], 0.1, value=NASTY) for seed in range(2)]
    runs.append(draw("one", "stl", "A", 0, orders["A"]))
    half = draw("half", "stl", "A", 1, orders["A"], done=2)
    begun = draw("begun", "stl", "A", 2, orders["A"], done=0)
    other = [draw("three", "apd", "A", 0, [0, 1, 2]), draw("data", "apd", "A", 0, orders["A"], digest="0c"),
             draw("held", "apd", "A", 0, orders["A"], part="validation")]
    everything = runs + [half, begun] + other
    out, done = make(tool, folder, everything, names=["nowhere"])
    demand(done.returncode == 0, done.stderr)
    rows = {row["run"]: row for row in read(out, "results.csv")}
    demand((rows["nowhere"]["state"], rows["nowhere"]["seed"]) == ("not started", "77"), rows["nowhere"])
    markdown, latex = check_all(out, everything, [(runs, ()), ([other[0]], ()), ([other[1]], ()), ([other[2]], ())])
    check_typeset(out)
    for text in (markdown, latex):
        demand("half, which has finished 2 of 4 tasks" in text and "nowhere, which has finished no task" in text, text)
    demand("a\\_b%c\\&d\\#e\\$f\\{g\\}h\\\\i\\~j\\^k\\|l\\*\\<m\\>" in markdown, "escapes of Markdown")
    demand("a\\_b\\%c\\&d\\#e\\$f\\{g\\}h\\textbackslash{}i\\textasciitilde{}j\\textasciicircum{}k\\textbar{}l*"
           "\\textless{}m\\textgreater{}" in latex, "escapes of LaTeX")
    pad = [line for line in markdown.splitlines() if line.startswith("|")]
    demand(any(line.endswith("| --: |") for line in pad), "a narrow column")
    for before, after in itertools.pairwise(pad):
        demand(before.count("-") < 9 or len(before) == len(after), "columns are not aligned")


def case_by_hand(tool, folder):
    """Everything in eighths. Order 3 5 8: means .625 .5 .375 by task; order 8 3 5: .25 .75 .625; OPD .375 .25 .25."""
    def run(name, order, seed, ids, last):
        matrix = [[0.5] * (i + 1) + [None] * (2 - i) for i in range(2)] + [last]
        return Run(name, "apd", order, seed, ids, matrix)
    runs = [run("a1", "seed 3", 1, [3, 5, 8], [0.5, 0.75, 0.25]), run("a2", "seed 3", 2, [3, 5, 8], [0.75, 0.25, 0.5]),
            run("b1", "seed 4", 1, [8, 3, 5], [0.5, 0.25, 1.0]), run("b2", "seed 4", 2, [8, 3, 5], [0.75, 0.25, 0.5])]
    out, done = make(tool, folder, runs)
    demand(done.returncode == 0, done.stderr)
    check_all(out, runs, [(runs, ())])
    row = read(out, "summary.csv")[0]
    demand((row["mopd"], row["mopd_task"], row["aopd"][:9]) == ("0.375", "3", "0.2916666"), row)


def case_forgotten(tool, folder):
    """Task 1 is forgotten by one run: no line counts it."""
    runs = [draw(f"{method}{seed}", method, "A", seed, [0, 1, 2]) for method in ("apd", "stl") for seed in range(2)]
    for row in runs[1].matrix:
        row[1] = None
    out, done = make(tool, folder, runs)
    demand(done.returncode == 0, done.stderr)
    markdown, _ = check_all(out, runs, [(runs, (1,))])
    demand("Left out of every figure: task 1, which apd1 has forgotten" in markdown, markdown)


def case_drawn_tasks(tool, folder):
    """Permutations are drawn from the seed: orders with other seeds have other tasks, and no AOPD."""
    runs = [draw("a", "apd", "A", 1, [0, 1, 2], kind="permutation"),
            draw("b", "apd", "[2, 1, 0]", 2, [2, 1, 0], kind="permutation")]
    out, _ = make(tool, folder, runs)
    row = read(out, "summary.csv")[0]
    demand(row["aopd"] == "" and "seeds" in row["no_aopd_because"], row)


def case_many_pairs(tool, folder):
    """p over 14 pairs by brute force; sums that are equal but for rounding count as ties."""
    runs = []
    for seed in range(14):
        base, gap = round(0.1 * (seed % 3), 1), (0.1, 0.2, 0.3, -0.1, -0.2)[seed % 5]
        for method, last in (("apd", base + 0.3 + gap), ("stl", base + 0.3)):
            runs.append(Run(f"{method}{seed}", method, "A", seed, [0, 1], [[0.5, None], [last, base]]))
    out, _ = make(tool, folder, runs)
    check_all(out, runs, [(runs, ())])


def case_one_task(tool, folder):
    run = Run("single", "apd", "A", 0, [0], [[0.5]])
    out, _ = make(tool, folder, [run])
    row = read(out, "results.csv")[0]
    demand(row["bwt"] == row["forgetting"] == "" and row["acc"] == row["la"] == "0.5", row)


def case_damage(tool, folder):
    """Each damage is one line that names the file, the others' tables are written, and the run is named in them."""
    def cut(text):
        return text[:text.rindex(",") - 3]
    damages = (
        ("accuracy.csv", cut, "accuracy.csv: line 4 is cut off"),
        ("accuracy.csv", lambda text: "", "accuracy.csv: is empty"),
        ("accuracy.csv", lambda text: "\n".join(text.splitlines()[:-1]) + "\n", "accuracy.csv: has 2 rows"),
        ("accuracy.csv", lambda text: re.sub(r"0\.\d+", "1.5", text), "has the accuracy 1.5"),
        ("accuracy.csv", lambda text: re.sub(r"0\.\d+", "zero", text), "'zero' in column task_0; a number"),
        ("accuracy.csv", lambda text: text.replace("task_1", "task_9"), "not of task 1"),
        ("accuracy.csv", lambda text: text.replace(",,", ",", 1), "line 2 has 3 cells, and line 1 has 4"),
        ("tasks.csv", lambda text: text.replace("classes", "kinds"), "tasks.csv: has no column classes"),
        ("tasks.csv", lambda text: text.replace("\n1,1,", "\n1,0,"), "two of its tasks say that they are task 0"),
        ("tasks.csv", lambda text: text.replace(',"task', ',"task', 1).rstrip("\n"), "is cut off"),
        ("manifest.json", lambda text: text[:40], "manifest.json"),
        ("manifest.json", lambda text: text.replace('"tasks_done": 3', '"tasks_done": 4'), "tasks_done from 0 to tasks"),
        ("run.yaml", lambda text: text + "sed: 1\n", "sed"),
        ("tasks.csv", None, "tasks.csv"),
    )
    for number, (name, damage, words) in enumerate(damages):
        sound, bad = draw("sound", "apd", "A", 0, [0, 1, 2]), draw("bad", "apd", "A", 1, [0, 1, 2])
        place = os.path.join(folder, str(number))
        bad.write(place)
        path = os.path.join(place, "bad", name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if damage is None:
            os.remove(path)
        else:
            demand(damage(text) != text, f"no damage {number}")
            with open(path, "w", encoding="utf-8") as file:
                file.write(damage(text))
        out, done = make(tool, place, [sound], names=["bad"])
        demand(done.returncode in (2, 65, 74) and done.stderr.count("\n") == 1 and words in done.stderr,
               f"damage {number}: {done.returncode}, {done.stderr}")
        rows = {row["run"]: row for row in read(out, "results.csv")}
        demand(rows["bad"]["state"] == "unreadable" and words in rows["bad"]["note"], rows["bad"])
        near(rows["sound"]["acc"], sound.figures(())["acc"], "the sound run")
        with open(os.path.join(out, "tables.md"), encoding="utf-8") as file:
            demand("bad, which cannot be read" in file.read(), "the damaged run is not named")


def case_no_folder(tool, folder):
    done = subprocess.run([tool, os.path.join(folder, "missing"), "0"], capture_output=True, text=True, check=False)
    demand(done.returncode == 74 and "missing" in done.stderr, done)


def main(tool):
    cases = [case for name, case in sorted(globals().items()) if name.startswith("case_")]
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            case(tool, folder)
        print("passed:", case.__name__)


main(*sys.argv[1:])
