#!/usr/bin/env python3
"""apd schema against the program: check_schema.py APD REPOSITORY [RUN.yaml ...]

Both schemas are valid draft-07 and accept every file in jobs/, and those named. For many values of every key, the schema accepts what the
program accepts, and refuses what the program refuses for the value's own sake. Exit status 77: no jsonschema or PyYAML.
"""
import glob
import json
import os
import random
import re
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors have it: 4e-3 is a number, and so is .inf, while yes is a text."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (("bool", r"true|false|True|False|TRUE|FALSE", "tfTF"),
                            ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
                            ("int", r"[-+]?[0-9]+", "-+0123456789"),
                            ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+.0123456789")):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^({pattern})$"), list(first))
# PyYAML's own takes 010 for octal
Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))

PROGRAM, ROOT = sys.argv[1:3]
VALUES = ["true", "-1", "0", "1", "2", "7", "1.5", "0.25", "1e-3", "inf", "auto", "A", "seed 7", "test", "unit", "apd", "lenet",
          "10000000", "99999999999999999999", "[]", "[1]", "[0, 1]", "[1, 1]", "[[0], [1]]", "[[]]", "{a: 1}", "~", "a/b",
          "[relu]", "[conv]", "[{dense: {units: 3}}]", "[{dense: {unit: 3}}]", "[{conv: {units: 2, kernel: [5, 3]}}]",
          "[{lrn: }, {max_pool: {kernel: 2, stride: 0}}]"]


def apd(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)


def fail(text):
    print(f"FAILED: {text}")
    sys.exit(1)


def validator(what):
    schema = json.loads(apd("schema", what).stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    return schema, jsonschema.Draft7Validator(schema)


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader)


def check_files(folder, judge, least):
    paths = glob.glob(os.path.join(folder, "*.yaml"))
    for path in paths:
        for error in judge.iter_errors(load(path)):
            fail(f"{path}: {error.json_path}: {error.message}")
    if len(paths) < least:
        fail(f"{len(paths)} files in {folder}")


def keys_of(schema):
    for name, part in schema["properties"].items():
        if "properties" not in part:
            yield None, name
        else:
            for key in part["properties"]:
                yield name, key


def text_of(section, key, value):
    lines = {"data": ["file: x.h5"], "stream": ["classes_per_task: 1"], None: []}
    own = lines.setdefault(section, [])
    own[:] = [line for line in own if not line.startswith(f"{key}:")] + [f"{key}: {value}"]
    text = "".join(f"{line}\n" for line in lines.pop(None))
    return text + "".join(f"{name}:\n" + "".join(f"  {line}\n" for line in part) for name, part in lines.items() if part)


def check_values(schema, judge):
    counts = {True: 0, False: 0}
    choose = random.Random(1)
    for section, key in keys_of(schema):
        full = f"{section}.{key}" if section else key
        for value in choose.sample(VALUES, 4):
            text = text_of(section, key, value)
            with open("run.yaml", "w", encoding="utf-8") as file:
                file.write(text)
            program = apd("train", "run.yaml", "--print-folder")
            accepted = judge.is_valid(yaml.load(text, Loader))
            of_value = re.search(rf"{re.escape(full)}\S*.* is (\"|a |empty|missing|not a key)", program.stderr) is not None
            if accepted != (program.returncode == 0) and (of_value or not accepted):
                if not accepted and value == "true":
                    continue  # which is a text to the program
                fail(f"{full}: {value}: the schema says {accepted}, the program {program.returncode}: {program.stderr}")
            counts[accepted] += 1
    print(f"values: {counts[True]} accepted, {counts[False]} refused")
    if min(counts.values()) < 20:
        fail("too few")


def check_names(judge):
    for text in ("data: {file: x}\nmethods: {}", "data: {file: x, fil: y}", "seed: 1", "data: {}", "data: x", "[]",
                 "data: {file: x}\nmethod: {lambda_1: 1}", "data: {file: x}\nseed: '1'"):
        if judge.is_valid(yaml.load(text, Loader)):
            fail(f"the schema accepts {text!r}")


def check_studies(schema, judge):
    for text, good in (("base: run.yaml\nmatrix: {seed: [0, 1]}", True),
                       ("base: {data: {file: x}}\nzip: {method.name: [apd], ranks: [2]}", True),
                       ("base: run.yaml\nexclude: [{seed: 0}]\ninclude: [{stream.order: B, repeat: 2}]", True),
                       ("matrix: {seed: [0, 1]}", False), ("base: run.yaml\nmatrix: {seed: 0}", False),
                       ("base: run.yaml\nmatrix: {sed: [0]}", False), ("base: run.yaml\nmatrix: {seed: [x]}", False),
                       ("base: run.yaml\nmatrix: {name: [x]}", False), ("base: run.yaml\nkeep: some", False),
                       ("base: run.yaml\nexclude: [{seed: [0]}]", False), ("base: {dat: {}}", False),
                       ("base: run.yaml\nshards: 0", False), ("base: run.yaml\nseed: 0", False)):
        if judge.is_valid(yaml.load(text, Loader)) != good:
            fail(f"the schema of studies says {not good} of {text!r}")
    with open("study.yaml", "w", encoding="utf-8") as file:
        file.write("base: run.yaml\nmatrix: {seed: [0]}\nnonsense: 1\n")
    line = apd("study", "study.yaml", "--dry-run", "--seconds", "0").stderr
    known = re.search(r"is not a key of a study: ([a-z, ]*);", line)[1].split(", ")
    if known != list(schema["properties"]):
        fail(f"keys of a study: {known} and {list(schema['properties'])}")


run_schema, run_judge = validator("run")
study_schema, study_judge = validator("study")
check_files(f"{ROOT}/jobs", run_judge, 8)
check_files(f"{ROOT}/jobs/studies", study_judge, 8)
for path in sys.argv[3:]:
    run_judge.validate(load(path))
with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    check_values(run_schema, run_judge)
    check_names(run_judge)
    check_studies(study_schema, study_judge)
print("passed")
