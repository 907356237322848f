#!/usr/bin/env bash
# Pages in a real browser: no error, nothing that the page's policy had to forbid, pictures at three widths, light, dark and
# on paper. The pictures are for looking at: KEEP=FOLDER keeps them. APD names the program.
# shellcheck source=tests/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    { echo "skipped: chromium is not installed"; exit 77; }
command -v gnuplot >/dev/null || { echo "skipped: gnuplot is not installed"; exit 77; }
pictures=${KEEP:-$work/pictures}
mkdir -p "$pictures"
pictures=$(cd "$pictures" && pwd)

# browse OPTION...: what the page writes to the console, and what the policy forbade, is in console.txt
browse() {
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$work/profile" \
        --enable-logging=stderr "$@" >browser.txt 2>&1 || fail "the browser: $(tail -n 5 browser.txt)"
    grep -E 'CONSOLE|Content.Security.Policy|Uncaught' browser.txt >console.txt || true
}

# picture PAGE NAME WIDTH SCHEME: 0 dark, 1 light. A window is never narrower than 500: a frame is
picture() {
    local page=$1 name=$2 width=$3 scheme=$4
    if [ "$width" -lt 500 ]; then
        echo "<body style='margin:0'><iframe src='file://$page' style='border:0;width:${width}px;height:6000px'>" >frame.html
        page=$work/frame.html
    fi
    browse --blink-settings=preferredColorScheme="$scheme" --window-size="$width",6000 \
        --screenshot="$pictures/$name.png" "file://$page"
    [ ! -s console.txt ] || fail "$name: $(cat console.txt)"
    [ "$(stat -c %s "$pictures/$name.png")" -gt 20000 ] || fail "$name.png shows little"
}

for kind in hostile study; do
    "$APD_PYTHON" "$repository/tests/report/make_runs.py" "$kind" "$kind"
    "$APD" report "$kind" >/dev/null
done
for width in 360 800 1400; do
    picture "$work/study/report/index.html" "study-$width" "$width" 1
done
picture "$work/study/report/index.html" study-dark 1400 0
picture "$work/hostile/report/index.html" hostile 800 1
browse --no-pdf-header-footer --print-to-pdf="$pictures/study.pdf" "file://$work/study/report/index.html"
[ ! -s console.txt ] || fail "print: $(cat console.txt)"
[ "$(head -c 5 "$pictures/study.pdf")" = %PDF- ] || fail "no PDF"

# that the test can fail: what a page must not have is forbidden, and the browser says so
sed 's#</header>#<script>alert(1)</script><img src="http://127.0.0.1:9/x.png" alt=""></header>#' study/report/index.html >bad.html
browse --screenshot="$work/bad.png" "file://$work/bad.html"
grep -qi 'content.security.policy' console.txt || fail "the browser does not tell what the policy forbids"
echo "passed: $(find "$pictures" -name '*.png' | wc -l) pictures, a PDF"
