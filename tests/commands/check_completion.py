#!/usr/bin/env python3
"""apd completion in an interactive shell: check_completion.py bash|zsh|fish APD

Lines are typed on a pseudo-terminal, with tabs. A function stands for apd and prints what it is given. Exit status 77: the
shell is not installed.
"""
import os
import pty
import re
import select
import shutil
import sys
import tempfile
import time

SHELL, PROGRAM = sys.argv[1:]
START = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"], "fish": ["fish", "--no-config", "-i"]}
SETUP = {
    "bash": "source <({0} completion bash); apd() {{ printf 'GOT[%s]\\n' \"$*\"; }}; bind 'set enable-bracketed-paste off'",
    "zsh": "autoload -Uz compinit; compinit -u -d dump; source <({0} completion zsh); apd() {{ print \"GOT[$*]\" }}; unsetopt zle_bracketed_paste",
    "fish": "{0} completion fish | source; function apd; echo \"GOT[$argv]\"; end",
}
LINES = {
    "apd tra\t": "train",
    "apd train --fo\t": "train --force",
    "apd train --set method.sto\tco\t": "train --set method.storage=coded",
    "apd train --set=method.sto\tco\t": "train --set=method.storage=coded",
    "apd study x.yaml --vary network.lr\tt\t": "study x.yaml --vary network.lrn=true",
    "apd pack run --output pack\t": "pack run --output packed.h5",
    "apd compare a b --tables tab\t": "compare a b --tables tables",
    "apd train desc\t": "train description.yaml",
    "apd schema st\t": "schema study",
    "apd manual evalu\t": "manual evaluate",
    "apd train x --time-limit pack\t": "train x --time-limit pack",
}


def read(terminal, pattern, seconds=20.0):
    """What the shell writes until `pattern`; everything so far after `seconds`."""
    text, end = "", time.monotonic() + seconds
    while time.monotonic() < end and not re.search(pattern, text):
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 65536).decode(errors="replace")
    return text


def type_line(terminal, line):
    """Type a line; after a tab, wait until the shell is silent."""
    for part in re.findall(r"[^\t]*\t|[^\t]+", line):
        os.write(terminal, part.encode())
        read(terminal, "$^", 0.4)
        while select.select([terminal], [], [], 0.4)[0]:
            os.read(terminal, 65536)
    os.write(terminal, b"\r")


if shutil.which(SHELL) is None:
    print(f"skipped: {SHELL} is not installed")
    sys.exit(77)
with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    os.mkdir("tables")
    for name in ("packed.h5", "tables.txt", "description.yaml"):
        open(name, "w", encoding="utf-8").close()
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(TERM="xterm", HOME=work, PS1="% ", XDG_CONFIG_HOME=work, XDG_DATA_HOME=work)
        os.execvp(START[SHELL][0], START[SHELL])
    read(terminal, "[%$#>] ?", 5)
    os.write(terminal, (SETUP[SHELL].format(PROGRAM) + "; echo RE\"\"ADY\r").encode())
    if "READY" not in read(terminal, "READY"):
        sys.exit("FAILED: the shell does not start")
    failed = 0
    for line, expected in LINES.items():
        type_line(terminal, line)
        got = re.search(r"GOT\[(.*?)\]", read(terminal, r"GOT\[.*?\]"))
        got = got[1].strip().rstrip("/") if got else None
        print(f"{line!r}: {got}")
        failed += got != expected
    os.write(terminal, b"\x03exit\r")
    os.close(terminal)
    os.waitpid(process, 0)
sys.exit(1 if failed else 0)
