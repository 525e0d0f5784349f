#!/usr/bin/env python3
"""Writes crates/loggr-filter/data/regexes.yaml: what `useragent` knows of browsers.

The data is ua-parser's (https://github.com/ua-parser/uap-core), Apache-2.0. Its project
releases it every month as the package `ua-parser-builtins`, as Python; this script takes
the newest, or the one that is named, and writes it in the format that ua-parser's own
file has:

    scripts/user-agents.py [VERSION]

Nothing of the package is run: its source is read as data.
"""

import ast
import pathlib
import subprocess
import sys
import tempfile
import zipfile

FIELDS = {
    "UserAgentParser": ("regex", "family", "v1", "v2", "v3", "v4"),
    "OSParser": ("regex", "os", "os_v1", "os_v2", "os_v3", "os_v4"),
    "DeviceParser": ("regex", "regex_flag", "device", "brand", "model"),
}
SECTIONS = {
    "USER_AGENT_PARSERS": "user_agent_parsers",
    "OS_PARSERS": "os_parsers",
    "DEVICE_PARSERS": "device_parsers",
}
TARGET = pathlib.Path(__file__).parent.parent / "crates/loggr-filter/data/regexes.yaml"


def fetch(directory, version):
    package = "ua-parser-builtins" + (f"=={version}" if version else "")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", directory, package]
    subprocess.run(pip, check=True)
    (wheel,) = pathlib.Path(directory).glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        source = content.read("ua_parser_builtins/regexes.py").decode()
        revision = content.read("REVISION").decode().strip()
    return source, revision, wheel.name.split("-")[1]


def entries(calls):
    for call in calls.elts:
        names = FIELDS[call.func.id]
        assert not call.keywords and len(call.args) <= len(names), ast.dump(call)
        for name, argument in zip(names, call.args):
            value = ast.literal_eval(argument)
            if value is not None:
                assert isinstance(value, str) and value.isprintable(), value
                yield name == "regex", name if name.startswith("regex") else f"{name}_replacement", value


def main():
    with tempfile.TemporaryDirectory() as directory:
        source, revision, version = fetch(directory, *sys.argv[1:2] or [None])
    lists = {
        node.targets[0].id: node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and node.targets[0].id in SECTIONS
    }
    out = [
        "# What ua-parser knows of user agents. Written by scripts/user-agents.py; do not edit.",
        f"# ua-parser-builtins {version}, uap-core {revision}",
        "# Copyright 2009 Google Inc. Licensed under the Apache License, Version 2.0: LICENSE-uap-core beside this file.",
    ]
    for name, section in SECTIONS.items():
        out.append(f"{section}:")
        for first, key, value in entries(lists[name]):
            quoted = value.replace("'", "''")
            out.append(f"{'  - ' if first else '    '}{key}: '{quoted}'")
    TARGET.write_text("\n".join(out) + "\n")
    print(f"{TARGET}: {sum(line.startswith('  - ') for line in out)} expressions of {version}")


main()
