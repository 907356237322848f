#!/usr/bin/env bash
# jobs/reframe_apd.py under ReFrame's local scheduler: what it reports, and that other results on other ranks fail. APD_REFRAME names
# the program reframe where PATH does not lead to it.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

reframe=${APD_REFRAME:-$(command -v reframe || true)}
[ -n "$reframe" ] || { echo "skipped: ReFrame is not installed (pip install reframe-hpc)"; exit 77; }
export HOME=$work TMPDIR=/tmp APD_PRESETS=mlp APD_SECONDS=0.1 APD_RANKS="1 2"
cat >site.py <<'TEXT'
site_configuration = {
    "systems": [{"name": "here", "hostnames": [".*"], "partitions": [
        {"name": "all", "scheduler": "local", "launcher": "mpirun", "environs": ["builtin"], "max_jobs": 1}]}],
    "environments": [{"name": "builtin"}],
    "logging": [{"handlers": [{"type": "stream", "level": "info", "format": "%(message)s"}]}],
}
TEXT

check() {
    "$reframe" -C site.py -c "$repository/jobs/reframe_apd.py" -r --performance-report --prefix="$work/out" >out.txt 2>&1
}
check || fail "$(cat out.txt)"
grep -q 'Ran 3/3 test case(s) from 3 check(s) (0 failure(s)' out.txt || fail "$(cat out.txt)"
[ "$(grep -c 'apd_bench %ranks=[12] %preset=mlp .* step .* ms .* pass' out.txt)" = 2 ] || fail "$(cat out.txt)"

echo "- other results on two ranks"
cat >other <<TEXT
#!/bin/sh
"$APD" "\$@" || exit
[ "\${OMPI_COMM_WORLD_SIZE-1}" = 1 ] || [ "\${OMPI_COMM_WORLD_RANK-1}" != 0 ] || sed -i 's/"digest": "......../"digest": "01234567/' bench.json
TEXT
chmod +x other
export APD=$work/other
! check || fail "other results pass: $(cat out.txt)"
grep -q "other results on other ranks" out.txt || fail "$(cat out.txt)"
grep -q 'Ran 3/3 test case(s) from 3 check(s) (1 failure(s)' out.txt || fail "$(cat out.txt)"
echo "passed"
