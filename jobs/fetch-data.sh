#!/usr/bin/env bash
# Public data sets, from their canonical addresses to data files of apd: jobs/fetch-data.sh [OPTION...] NAME...
#
# Downloads go on where they stopped. What was unpacked is verified before it is imported, by digests of the images and labels
# themselves, so that a mirror may have packed them anew. Run again, it does what is left.
# Exit status: 0 done; 2 wrong usage, or a program is missing; 65 not the published data; 74 a download failed.
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: jobs/fetch-data.sh [OPTION...] NAME...
  NAME             cifar100, mnist, fashion-mnist, omniglot, or all
  --output FOLDER  where NAME.h5 is written; default: data
  --mirror URL     take URL/NAME/FILE instead of the canonical addresses
  --keep           keep what was downloaded and unpacked, in FOLDER/NAME
APD names the program; default: apd from PATH, or build/release/apd.
TEXT
}

# NAME FILE ADDRESS...: a download, and where it is published (and mirrored)
downloads() {
    cat <<'TEXT'
cifar100 cifar-100-binary.tar.gz https://www.cs.toronto.edu/~kriz
mnist train-images-idx3-ubyte.gz http://yann.lecun.com/exdb/mnist https://ossci-datasets.s3.amazonaws.com/mnist
mnist train-labels-idx1-ubyte.gz http://yann.lecun.com/exdb/mnist https://ossci-datasets.s3.amazonaws.com/mnist
mnist t10k-images-idx3-ubyte.gz http://yann.lecun.com/exdb/mnist https://ossci-datasets.s3.amazonaws.com/mnist
mnist t10k-labels-idx1-ubyte.gz http://yann.lecun.com/exdb/mnist https://ossci-datasets.s3.amazonaws.com/mnist
fashion-mnist train-images-idx3-ubyte.gz https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion
fashion-mnist train-labels-idx1-ubyte.gz https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion
fashion-mnist t10k-images-idx3-ubyte.gz https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion
fashion-mnist t10k-labels-idx1-ubyte.gz https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion
omniglot images_background.zip https://raw.githubusercontent.com/brendenlake/omniglot/master/python
omniglot images_evaluation.zip https://raw.githubusercontent.com/brendenlake/omniglot/master/python
TEXT
}

# NAME SHA256 UNPACKED: the digest of a file, or of all PNG files of a folder one after the other in the order of their paths
digests() {
    cat <<'TEXT'
cifar100 f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29 train.bin
cifar100 d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a test.bin
mnist ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db train-images-idx3-ubyte
mnist 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5 train-labels-idx1-ubyte
mnist 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7 t10k-images-idx3-ubyte
mnist ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2 t10k-labels-idx1-ubyte
fashion-mnist c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888 train-images-idx3-ubyte
fashion-mnist bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9 train-labels-idx1-ubyte
fashion-mnist 5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b t10k-images-idx3-ubyte
fashion-mnist 0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34 t10k-labels-idx1-ubyte
omniglot b38e1a99da123d983059b091375d7270c294113555d7036a950dc89b3250b80f images_background
omniglot 4cee9ec535395b4f7eb89b9e352656aebf0972a41fe46139f4238eb23b022f8b images_evaluation
TEXT
}

fail() {
    local status=$1
    shift
    echo "fetch-data: $*" >&2
    exit "$status"
}

need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null || fail 2 "$program is needed; on Debian: apt-get install $program"
    done
}

# fetch FOLDER FILE ADDRESS...: the file, from the first address that has it. A download that breaks goes on where it stopped, also
# one of an earlier run; a server that cannot continue one (33) is asked for all of it.
fetch() {
    local file=$1/$2 name=$2 address status
    shift 2
    [ ! -e "$file" ] || return 0
    for address in "$@"; do
        echo "fetch-data: $address/$name"
        for _ in 1 2 3 4 5; do
            status=0
            curl --fail --location --silent --show-error -C - -o "$file.part" "$address/$name" || status=$?
            [ $status != 0 ] || { mv "$file.part" "$file"; return 0; }
            case $status in
                18 | 28 | 52 | 56) sleep 1 ;; # the connection broke
                33) rm -f "$file.part" ;;
                *) break ;;
            esac
        done
    done
    fail 74 "$name: no address has it: $*; run again to go on, or give a --mirror"
}

# digest PATH: SHA-256 of a file, or of a folder's PNG files
digest() {
    if [ -d "$1" ]; then
        (cd "$1" && find . -name '*.png' | LC_ALL=C sort | tr '\n' '\0' | xargs -0 cat | sha256sum | cut -c1-64)
    else
        sha256sum <"$1" | cut -c1-64
    fi
}

# unpack FOLDER FILE: into the folder, or fail
unpack() {
    case $2 in
        *.tar.gz) tar -C "$1" --strip-components=1 -xzf "$1/$2" ;;
        *.zip) unzip -q -o -d "$1" "$1/$2" ;;
        *.gz) gzip -dc "$1/$2" >"$1/${2%.gz}" ;;
    esac
}

# get NAME: its data file
get() {
    local name=$1 folder=$output/$1 file expected path kind addresses mirror=${mirror:+$mirror/$1}
    [ ! -e "$output/$name.h5" ] || { echo "fetch-data: $output/$name.h5 is there already"; return 0; }
    mkdir -p "$folder"
    while read -r _ file addresses; do
        # shellcheck disable=SC2086 # several addresses
        fetch "$folder" "$file" ${mirror:-$addresses}
        unpack "$folder" "$file" || {
            rm -f "$folder/$file"
            fail 65 "$folder/$file cannot be unpacked: it is deleted; run again to get it anew"
        }
    done < <(downloads | grep "^$name ")
    while read -r _ expected path; do
        [ "$(digest "$folder/$path")" = "$expected" ] || {
            rm -rf "${folder:?}"
            fail 65 "$folder/$path is not the published data (its SHA-256 is not $expected); it is deleted"
        }
    done < <(digests | grep "^$name ")
    kind=${name#fashion-}
    "$apd" import "$kind" "$folder" --output "$output/$name.h5"
    [ -n "$keep" ] || rm -rf "${folder:?}"
}

output=data mirror='' keep=''
names=()
while [ $# -gt 0 ]; do
    case $1 in
        --output | --mirror)
            [ $# -gt 1 ] || fail 2 "$1 needs a value"
            if [ "$1" = --output ]; then output=$2; else mirror=$2; fi
            shift
            ;;
        --keep) keep=1 ;;
        --help) usage; exit 0 ;;
        cifar100 | mnist | fashion-mnist | omniglot) names+=("$1") ;;
        all) names=(cifar100 mnist fashion-mnist omniglot) ;;
        *) fail 2 "unknown argument '$1'; cifar100, mnist, fashion-mnist, omniglot or all is needed (--help says more)" ;;
    esac
    shift
done
[ ${#names[@]} -gt 0 ] || { usage >&2; exit 2; }
need curl sha256sum tar gzip
case " ${names[*]} " in *' omniglot '*) need unzip ;; esac
apd=${APD:-$(command -v apd || echo "$(dirname "${BASH_SOURCE[0]}")/../build/release/apd")}
command -v "$apd" >/dev/null || fail 2 "the program apd is not in PATH; build it, or name it in APD"
for name in "${names[@]}"; do
    get "$name"
done
