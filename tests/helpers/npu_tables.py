"""The table that Huawei's program `npu-smi info` prints, and a machine where a program prints it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from variant_backend._internal.machine.host import Host

from .trees import host_with

TOOLKIT = "/usr/local/Ascend/ascend-toolkit/latest"

_LINE = "+---------------------------+---------------+--------------------------+\n"


def npu_table(*names: str, version: str = "24.1.0.3") -> str:
    """Return the table for cards with these names."""
    rows = "".join(
        f"| {number:<5} {name:<19} | OK            | 94.7        54           |\n"
        f"| 0                         | 0000:C{number}:00.0 | 0           0    / 0     |\n{_LINE}"
        for number, name in enumerate(names)
    )
    head = f"| npu-smi {version:<17} Version: {version:<34} |\n"
    titles = "| NPU   Name                | Health        | Power(W)    Temp(C)      |\n"
    processes = "| 0       0                 | 174175        | python                   |\n"
    return f"{_LINE}{head}{_LINE}{titles}{_LINE}{rows}{processes}{_LINE}"


def npu_machine(root: Path, case: Mapping[str, Any], machine: str) -> Host:
    """Return a host whose `npu-smi` prints a table; a file of CANN may exist.

    The *case* has `table` (None without the program), `code` (its exit code), `cann` (the text of the file,
    or None) and `environ`. The values in the environment have their paths below *root*.
    """
    file = f"{TOOLKIT}/{machine}-linux/ascend_toolkit_install.info"
    files = {file: case["cann"]} if case["cann"] is not None else {}
    environ = {"PATH": str(root / "bin"), **case["environ"]}
    if case["cann"] is not None:
        environ["ASCEND_TOOLKIT_HOME"] = TOOLKIT
    host = host_with(root, files, environ=environ, machine=machine)._replace(runs_tools=True)
    (root / "bin").mkdir(parents=True)
    if case["table"] is not None:
        (root / "table.txt").write_text(case["table"])
        program = root / "bin" / "npu-smi"
        table = shlex.quote(str(root / "table.txt"))
        program.write_text(f'#!/bin/sh\n[ "$*" = info ] && /bin/cat {table}\nexit {case["code"]}\n')
        program.chmod(0o755)
    return host
