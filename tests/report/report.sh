#!/usr/bin/env bash
# Pages of runs and studies: tests/report/report.sh CASE, with APD naming the program. Run by ctest, once a case.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

runs() {
    "$APD_PYTHON" "$repository/tests/report/make_runs.py" "$@"
}

check() {
    "$APD_PYTHON" "$repository/tests/report/check_page.py" "$@"
}

need_gnuplot() {
    command -v gnuplot >/dev/null || { echo "skipped: gnuplot is not installed"; exit 77; }
}

# without_gnuplot COMMAND...: with nothing on the PATH
without_gnuplot() {
    mkdir -p nothing
    PATH=$work/nothing "$@"
}

# report RUN...: no warning, and a page
report() {
    "$APD" report "$@" >out.txt 2>err.txt || fail "apd report $*: $(cat err.txt)"
    [ ! -s err.txt ] || fail "apd report $*: $(cat err.txt)"
}

# A run by default beside its files; its figures stand by themselves.
case_run() {
    need_gnuplot
    runs long one 30
    report one
    grep -q '^one/report/index.html: [0-9]* kB in [0-9.]* s$' out.txt || fail "$(cat out.txt)"
    check one/report/index.html --figure average --figure capacity --figure matrix --figure forgetting --figure phases \
        --shows 'task number 17' --shows '30 of 30 tasks' --shows 'apd test'
    mkdir apart
    cp one/report/figures/matrix.gp apart
    (cd apart && gnuplot --default-settings matrix.gp >/dev/null 2>&1 && [ -s matrix.svg ]) || fail "matrix.gp alone"
    touch before
    report one --curves 2,4,31 --output elsewhere
    check elsewhere/index.html --figure forgetting --shows 'task 4, apd'
    [ "$(find one -newer before)" = "" ] || fail "--output, and something written in the run"
    [ -z "${APD_SANITIZED-}" ] || return 0 # whose checks of strings take the square of a file's size
    runs long long 600
    report long
    check long/report/index.html --shows 'A cell is the mean over 2 tasks and 2 rows' --shows 'The 50 of lowest accuracy'
    [ "$(stat -c %s long/report/index.html)" -lt 2000000 ] || fail "the page is large: $(cat out.txt)"
}

# The tables are those of apd compare --tables.
case_study() {
    need_gnuplot
    runs study s
    report s
    check s/report/index.html --figure average --figure pareto --figure opd --figure times --figure matrix-1-apd \
        --figure matrix-2-finetune --figure clusters-1-apd --figure rank-1-apd --shows '8 of 8 runs finished'
    printf 'name,accuracy,capacity\nWSN <b>,61.79,80.9\n"a, b",55,300\n' >published.csv
    report s --published published.csv
    check s/report/index.html --figure pareto --figure bytes --shows 'WSN <b>' --unmarked 'WSN <b>' --shows 'Hollow: published'
    for bad in 'name,accuracy\nWSN,61\n' 'name,accuracy,capacity\nWSN,161,80\n' 'name,accuracy,capacity\nWSN,61,\n' 'name,acc'; do
        # shellcheck disable=SC2059 # newlines
        printf "$bad" >published.csv
        refused 65 published.csv "$APD" report s --published published.csv
    done
    report s/finetune-* s/apd-A-0 s/apd-A-1 s/apd-B-0 s/apd-B-1 --output several
    check several/index.html --figure pareto --shows '8 of 8 runs' --shows 'finetune-A-0 and 7 more'
    "$APD" compare s/*-*-* --tables tables
    "$APD_PYTHON" - s/report/index.html tables/summary.csv <<'PYTHON'
import csv
import re
import sys
page = open(sys.argv[1], encoding="utf-8").read()
for line in csv.DictReader(open(sys.argv[2], encoding="utf-8")):
    for key in "acc", "la", "aopd", "mopd":
        shown = f"{100 * float(line[key]):.2f}"
        assert re.search(rf">{line['method']}</th>.*>{shown}\b", page), (line["method"], key, shown)
PYTHON
}

# What is damaged, half way, or not begun is said; the others are shown.
case_broken() {
    need_gnuplot
    runs broken s
    report s
    check s/report/index.html --figure average --shows '4 of 8 runs finished' --shows 'finetune-A-1, which cannot be read' \
        --shows 'accuracy.csv' --shows '5 of 8' --shows 'not started' --shows 'are not finished and are in no figure'
    report s/apd-A-1
    check s/apd-A-1/report/index.html --figure average --shows '5 of 8 tasks'
    report s/apd-A-1 s/apd-B-0 --output two
    check two/index.html --figure average --shows 'No run is finished yet'
    runs empty e
    report e
    check e/report/index.html --shows 'No run has finished a task yet'
    rm s/apd-A-0/metrics.jsonl
    report s/apd-A-0
    check s/apd-A-0/report/index.html --figure average --shows '8 of 8 tasks'
}

# Names that try to break out of HTML, gnuplot, SVG and JSON, and one that must not be there.
case_hostile() {
    need_gnuplot
    runs hostile h
    (cd h && HOME=$work "$APD" report . >../out.txt 2>../err.txt) || fail "$(cat err.txt)"
    [ ! -s err.txt ] || fail "$(cat err.txt)"
    check h/report/index.html --figure matrix --figure clusters --without 'secret ward' --unmarked '<script>alert' \
        --unmarked '<img src=x' --shows '<script>alert(1)</script>' --shows 'forgotten' --shows "\"quoted\" 'name' & <b>" \
        --shows 'Grüße 漢字' --shows '<h&1>'
    [ -z "$(find . -name pwned)" ] || fail "a name was run"
    # a name that only another run has forgotten
    runs long other 9
    sed -i 's/task number 3/secret ward 7/' other/tasks.csv
    report other h --output both
    check both/index.html --without 'secret ward'
}

case_formats() {
    need_gnuplot
    runs hostile h
    report h --figures pdf,png,tikz
    for name in average matrix clusters; do
        for ending in pdf png tex; do
            [ -s "h/report/figures/$name.$ending" ] || fail "no $name.$ending"
        done
    done
    # what TeX would take for its own is escaped
    ! grep -E '[^\\]%d|[^\\]\$#' h/report/figures/matrix.tex || fail "matrix.tex"
}

case_no_gnuplot() {
    runs study s
    runs long one 30
    without_gnuplot "$APD" report s one --output page >out.txt 2>err.txt || fail "$(cat err.txt)"
    grep -q 'gnuplot-nox' out.txt || fail "$(cat out.txt)"
    check page/index.html --figure average --figure matrix-1-apd --shows 'gnuplot-nox'
    grep -q 'class="spark"' page/index.html || fail "no sparkline"
    grep -q 'src="data:image/png;base64,iVBOR' page/index.html || fail "no picture of the matrix"
    refused 2 'gnuplot-nox' without_gnuplot "$APD" report s --figures pdf --output page
    # one that fails: the figures are shown as without it
    mkdir bin
    printf '#!/bin/sh\necho "broken today" >&2\nexit 3\n' >bin/gnuplot
    chmod +x bin/gnuplot
    PATH=$work/bin:$PATH "$APD" report one >out.txt 2>err.txt || fail "$(cat err.txt)"
    grep -q 'warning: average.gp: gnuplot ended with status 3: broken today' err.txt || fail "$(cat err.txt)"
    check one/report/index.html --figure average
}

# The tables of apd bench; a study of several numbers of ranks and tasks; names that may hold anything.
case_scaling() {
    need_gnuplot
    ranks 2 bench --preset mlp --tasks 2,4,8 --seconds 0.1 --repeat 2 --scaling --commits --tables bench >out.txt || fail "$(cat out.txt)"
    report bench
    check bench/report/index.html --figure strong --figure weak --figure tasktimes --figure tasksizes --figure roofline \
        --shows 'as apd bench has measured them' --shows 'Dashed: predicted for one shard a rank' --shows 'mlp (predicted)'
    "$APD_PYTHON" - bench <<'PYTHON' || fail "numbers"
import csv, json, re, sys
page = open(sys.argv[1] + "/report/index.html", encoding="utf-8").read()
figures = {f["name"]: f for f in json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])["figures"]}
rows = [r for r in csv.DictReader(open(sys.argv[1] + "/scaling.csv")) if r["kind"] == "strong"]
sheet = figures["strong"]["sheets"][0]
assert len(rows) == len(sheet["rows"]) and sheet["columns"][:5] == ["ranks", "step, ms", "least", "most", "ideal"], sheet
for row, shown, label in zip(rows, sheet["rows"], sheet["labels"]):
    measured = row["source"] == "measured"
    assert label == row["series"] + ("" if measured else " (predicted)"), (label, row)
    assert shown[0] == int(row["ranks"]) and abs(shown[1] / (1e3 * float(row["step_s"])) - 1) < 1e-4, (row, shown)
    assert (shown[2] is None) != measured, (row, shown)
assert abs(sheet["rows"][1][4] - sheet["rows"][0][1] / 2) < 1e-4 * sheet["rows"][0][1], sheet
kernels = list(csv.DictReader(open(sys.argv[1] + "/roofline.csv")))
for row, shown in zip(kernels, figures["roofline"]["sheets"][0]["rows"]):
    assert abs(shown[0] / (float(row["flop"]) / float(row["bytes"])) - 1) < 1e-4, (row, shown)
    assert abs(shown[1] / (1e-9 * float(row["flop"]) / float(row["seconds"])) - 1) < 1e-4, (row, shown)
PYTHON
    make_data
    describe base
    printf 'base: base.yaml\nmatrix: {stream.tasks: [2, 4], ranks: [1, 2]}\n' >s.yaml
    ranks 2 study s.yaml >log.txt 2>&1 || fail "$(cat log.txt)"
    report studies/s
    check studies/s/report/index.html --figure strong --figure tasktimes --figure tasksizes --figure average
    sed -i "2,\$s/^\"[^\"]*\"/\"<b>x's\"\"y\\\\z\`w\"/" bench/scaling.csv
    grep -q '<b>' bench/scaling.csv || fail "$(cat bench/scaling.csv)"
    report bench --output hostile
    check hostile/index.html --figure strong --unmarked '<b>' --shows "<b>x's"
    without_gnuplot "$APD" report bench --output plain >out.txt || fail "$(cat out.txt)"
    check plain/index.html --shows 'mlp dense1'
}

case_refusals() {
    mkdir folder
    refused 74 'nowhere: no such folder' "$APD" report nowhere
    refused 2 'folder has neither run.yaml nor study.json' "$APD" report folder
    runs long one 5
    refused 2 '--figures: "gif" is none of pdf, png, tikz' "$APD" report one --figures pdf,gif
    refused 2 '--curves' "$APD" report one --curves 0
    refused 2 '--curves: at most 9' "$APD" report one --curves 1,2,3,4,5,6,7,8,9,10
    refused 2 '--every' "$APD" report one --live --every 0
    refused 2 'several runs needs a folder of its own' "$APD" report one one
    refused 2 'an argument is missing' "$APD" report
    echo 'nonsense' >>one/accuracy.csv
    refused 65 'accuracy.csv' without_gnuplot "$APD" report one
    touch file
    runs long two 5
    refused 74 'file' without_gnuplot "$APD" report two --output file/inside
}

# The page reads itself again while a run goes on, and no longer when it is done.
case_live() {
    make_data
    describe run
    mkdir -p run
    mpirun -n 1 "$APD" train run.yaml --set training.epochs=60 --set method.polish_epochs=30 >log.txt 2>&1 &
    job=$!
    wait_for '"state": "running"' run/status.json
    without_gnuplot "$APD" report run --live --every 1 >live.txt 2>err.txt &
    local reporter=$!
    wait_for 'http-equiv="refresh" content="1"' run/report/index.html
    ended 0
    local status=0
    wait "$reporter" || status=$?
    [ "$status" = 0 ] || fail "apd report --live: $status $(cat err.txt)"
    [ "$(wc -l <live.txt)" -ge 3 ] || fail "too few pages: $(cat live.txt)"
    ! grep -q 'http-equiv="refresh"' run/report/index.html || fail "still refreshed"
    check run/report/index.html --shows '4 of 4 tasks'
}

# A run as the program makes it, with a forgotten task.
case_trained() {
    need_gnuplot
    make_data
    describe run
    mpirun -n 2 "$APD" train run.yaml --set method.consolidate_every=2 >log.txt 2>&1 || fail "$(cat log.txt)"
    name=$(sed -n 's/^[0-9]*,1,"\([^"]*\)".*/\1/p' run/tasks.csv)
    "$APD" forget run --task 1 >log.txt 2>&1 || fail "$(cat log.txt)"
    report run
    check run/report/index.html --figure average --figure clusters --figure rank --without "$name" --shows forgotten \
        --shows 'Dotted: where tasks were forgotten' --shows 'it took the average accuracy from'
}

"case_${1:?a case}"
echo "passed: $1"
