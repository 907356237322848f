#!/usr/bin/env bash
# jobs/fetch-data.sh against a server of our own, which cuts connections: tests/jobs/fetch_data.sh, with APD naming the program and
# APD_DATA the folder of real data. `--all`: the large data sets, too.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
[ -d "${APD_DATA-}/mnist" ] || { echo "APD_DATA names no folder with mnist: skipped"; exit 77; }
command -v curl >/dev/null || { echo "no curl: skipped"; exit 77; }

mkdir -p served/mnist served/fashion-mnist
ln -s "$APD_DATA"/mnist/*.gz served/mnist
ln -s "$APD_DATA"/fashion-mnist/*.gz served/fashion-mnist
if [ "${1-}" = --all ]; then
    command -v zip >/dev/null || { echo "no zip: skipped"; exit 77; }
    mkdir -p served/omniglot served/cifar100 cifar-100-binary
    for part in background evaluation; do
        tar -xJf "$APD_DATA/omniglot/images_$part.tar.xz"
        zip -q -r "served/omniglot/images_$part.zip" "images_$part"
    done
    xz -dc "$APD_DATA"/cifar-100/train-?.bin.xz >cifar-100-binary/train.bin
    xz -dc "$APD_DATA/cifar-100/test.bin.xz" >cifar-100-binary/test.bin
    tar -cf - cifar-100-binary | gzip -1 >served/cifar100/cifar-100-binary.tar.gz
fi

# every connection that asks for a file from its start breaks after a megabyte; ranges are served whole
cat >server.py <<'PYTHON'
import http.server, os, re, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            content = open("served" + self.path, "rb").read()
        except OSError:
            self.send_error(404)
            return
        wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted.group(1)) if wanted else 0
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start:] if wanted else content[:1 << 20])
        open("requests", "a").write(f"{self.path} {start}\n")
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
open("port.part", "w").write(str(server.server_port))
os.rename("port.part", "port")
server.serve_forever()
PYTHON
"$APD_PYTHON" server.py &
server=$!
trap 'kill $server; rm -rf "$work"' EXIT
for _ in $(seq 200); do [ -e port ] || sleep 0.05; done
mirror=http://127.0.0.1:$(cat port)
fetch() { APD=$APD "$repository/jobs/fetch-data.sh" --mirror "$mirror" "$@"; }

# expect STATUS TEXT ARGUMENT...
expect() {
    local status=0 code=$1 text=$2
    shift 2
    fetch "$@" >out.txt 2>&1 || status=$?
    [ "$status" = "$code" ] || fail "$*: exit status $status, not $code: $(cat out.txt)"
    grep -qF -- "$text" out.txt || fail "$*: no \"$text\" in: $(cat out.txt)"
}

expect 0 mnist mnist
grep -q '^/mnist/train-images-idx3-ubyte.gz 1048576$' requests || fail "the download did not go on: $(cat requests)"
[ ! -e data/mnist ] || fail "what was downloaded is still there"
"$APD" import mnist "$APD_DATA/mnist" --output straight.h5 >/dev/null
"$APD_PYTHON" -c 'import h5py
assert h5py.File("data/mnist.h5").attrs["digest"] == h5py.File("straight.h5").attrs["digest"]' ||
    fail "not what apd import makes of the same files"
expect 0 "is there already" mnist

# a file of another data set is told from the published one, and nothing of it stays
mv served/fashion-mnist/t10k-labels-idx1-ubyte.gz kept.gz
ln -s "$APD_DATA/mnist/t10k-labels-idx1-ubyte.gz" served/fashion-mnist
expect 65 "t10k-labels-idx1-ubyte is not the published data" fashion-mnist --output other
[ -z "$(ls other)" ] || fail "something of it stays: $(ls other)"
rm served/fashion-mnist/t10k-labels-idx1-ubyte.gz
echo "no gzip" >served/fashion-mnist/t10k-labels-idx1-ubyte.gz
expect 65 "cannot be unpacked" fashion-mnist --output other
rm served/fashion-mnist/t10k-labels-idx1-ubyte.gz
expect 74 "t10k-labels-idx1-ubyte.gz: no address has it" fashion-mnist --output other
mv kept.gz served/fashion-mnist/t10k-labels-idx1-ubyte.gz
: >requests
expect 0 fashion fashion-mnist --output other --keep
! grep -q train-images requests || fail "what was there was asked for again: $(cat requests)"
[ -e other/fashion-mnist/train-images-idx3-ubyte ] || fail "--keep kept nothing"

expect 2 "unknown argument 'imagenet'" imagenet
expect 2 "--output needs a value" mnist --output
if [ "${1-}" = --all ]; then
    expect 0 omniglot all
    for name in cifar100 omniglot fashion-mnist; do [ -s data/$name.h5 ] || fail "no $name"; done
fi
