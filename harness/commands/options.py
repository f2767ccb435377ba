"""Options and settings that several commands have alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from harness.commands import completion

HELP: Mapping[str, Any] = {"help_option_names": ["-h", "--help"]}
"""Of every command and group of commands: how help is asked for."""

EngineOption = Annotated[
    list[str] | None,
    typer.Option(
        "-e",
        "--engine",
        metavar="ENGINE",
        autocompletion=completion.engine,
        help="Only this engine; may be repeated.",
    ),
]
WorkloadOption = Annotated[
    list[str] | None,
    typer.Option(
        "-w",
        "--workload",
        metavar="WORKLOAD",
        autocompletion=completion.workload,
        help="Only this workload; may be repeated.",
    ),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the suite; may be repeated."),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
