#!/usr/bin/env bash
# libapd from an installed tree: library.sh BUILD
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
build=${1:?the build folder}
prefix=$work/prefix

echo "- the example, built by pkg-config and by CMake from what is installed"
cmake --install "$build" --prefix "$prefix" >/dev/null
library=$(find "$prefix" -name 'libapd.so')
[ -n "$library" ] || fail "no libapd.so"
export LD_LIBRARY_PATH=${library%/*}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PKG_CONFIG_PATH=${library%/*}/pkgconfig
cp -r "$prefix/share/doc/apd/docs/example" example
read -ra flags < <(pkg-config --cflags --libs apd)
cc -std=c11 -Wall -Wextra -pedantic -Werror example/predict.c "${flags[@]}" -pthread -o one
[ "$(pkg-config --modversion apd)" = "$("$APD" --version | cut -d' ' -f2)" ] || fail "another version than apd's"
cmake -S example -B made -DCMAKE_PREFIX_PATH="$prefix" >out.txt || fail "find_package: $(cat out.txt)"
cmake --build made >out.txt || fail "$(cat out.txt)"
printf '#include <apd.h>\nint main() { return apd_version() == nullptr; }\n' >plus.cpp
! command -v c++ >/dev/null || c++ -std=c++17 -Wall -Wextra -pedantic -Werror plus.cpp "${flags[@]}" -o plus

echo "- what it shows and what it needs"
nm -D --defined-only "$library" | awk '{ print $3 }' | sort >shown
sed -n 's/^APD_PUBLIC.*[ *]\(apd_[a-z_]*\)(.*/\1/p' "$prefix/include/apd.h" | sort >declared
diff shown declared || fail "other symbols than apd.h declares"
objdump -p "$library" | grep -q 'SONAME *libapd.so.0$' || fail "no soname"
needed=$(objdump -p "$library" | awk '$1 == "NEEDED" { print $2 }')
case $needed in
    *hdf5_openmpi* | *hdf5_mpich*) echo "  HDF5 is a parallel one: MPI comes with it" ;;
    *) ! ldd "$library" | grep -i mpi || fail "it needs MPI" ;;
esac
! grep -qi blas <<<"$needed" || fail "it needs a BLAS"

echo "- predictions of each kind of task, to the bit"
make_data
describe run
"$APD_PYTHON" - <<'PY'
import h5py
open("images", "wb").write(h5py.File("glyphs.h5")["test/images"][:].tobytes())
PY
"$APD" train run.yaml >/dev/null 2>&1

# same RUN TASK: both programs, in several numbers of threads, say what apd predict says
same() {
    "$APD" predict "$1" glyphs.h5 --task "$2" --csv | tail -n +2 | cut -d, -f2-3,5- | tr -d '"' >right.csv
    ./one "$1" "$2" images 1 2>said.txt | diff - right.csv >out.txt || fail "$1, task $2: $(head -4 out.txt said.txt)"
    for threads in 2 5; do
        made/predict "$1" "$2" images "$threads" 2>said.txt | diff - right.csv >out.txt ||
            fail "$1, task $2, $threads threads: $(head -4 out.txt said.txt)"
    done
}
for task in 0 1 2 3; do
    same run "$task"
done
grep -q '^task 3: classes 9-11, 3 classes, accuracy ' said.txt || fail "no tasks: $(cat said.txt)"
"$APD" pack run --output run.h5 >/dev/null
same run.h5 2
declare -A kinds=([coded]="method.storage=coded" [stl]="method.name=stl" [wsn]="method.name=wsn" [finetune]="method.name=finetune"
    [clusters]="method.consolidate_every=2 method.clusters_added=1 method.beta=10" [rotated]="log.evaluate_batch=9")
sed 's/^stream:.*/stream: {kind: rotation, tasks: 3, rotation_step: 20}/' run.yaml >rotated.yaml
for kind in "${!kinds[@]}"; do
    read -ra keys <<<"${kinds[$kind]}"
    description=run.yaml
    [ "$kind" != rotated ] || description=rotated.yaml
    "$APD" train "$description" --set name="$kind" --set output="$work/$kind" --set stream.tasks=3 --set training.epochs=2 \
        "${keys[@]/#/--set=}" >/dev/null 2>said.txt || fail "$kind: $(cat said.txt)"
    same "$kind" 1
done

echo "- refusals"
# told TEXT RUN TASK: the example ends with this text, not by a signal
told() {
    local status=0
    ./one "$2" "$3" images 2 >out.txt 2>said.txt || status=$?
    if [ "$status" != 1 ] || ! grep -qF -- "$1" said.txt; then
        fail "$2, task $3: $status, $(cat said.txt)"
    fi
}
told "there is no such task" run 9
told "nowhere" nowhere 1
told "glyphs.h5" glyphs.h5 1
"$APD" forget run --task 1 >/dev/null
told "it has been forgotten" run 1
same run 2
"$APD_PYTHON" - <<'PY'
import random
data = bytearray(open("run.h5", "rb").read())
draw = random.Random(1)
for i in range(40):
    place = draw.randrange(len(data))
    damaged = data[:place] + bytes([data[place] ^ 1 << draw.randrange(8)]) + data[place + 1:]
    open(f"damaged{i}.h5", "wb").write(damaged[:draw.choice([len(data), len(data), len(data) // 2])])
PY
for i in $(seq 0 39); do # a byte that nobody reads may be any
    if "$APD" verify "damaged$i.h5" >/dev/null 2>&1; then
        same "damaged$i.h5" 2
    else
        told "damaged$i.h5: " "damaged$i.h5" 2
    fi
done
echo "passed"
