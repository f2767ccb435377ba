"""Help has whole sentences, an example that works, and how a command may end; what is to be typed can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from harness import cli
from harness.commands import manual
from harness.commands.invocation import CALLED, again, program, short_name
from harness.planning.catalogue import discover
from harness.planning.planner import Selection
from harness.planning.request import Request, overrides, resolve
from harness.problem import MEANINGS, ExitCode

COMMANDS: dict[str, Any] = typer.main.get_command(cli.app).commands


def told(arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.execute([*arguments, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_each_command_has_an_example_and_its_exit_codes(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = told([name] if name else [], capsys, monkeypatch)
    assert f"streamgauge {manual.EXAMPLES[name][0][0]}\n" in text
    assert re.search(r"^ +0  everything that ran was right$", text, re.MULTILINE)
    assert re.search(r"^ +2  the command or the suite is not valid$", text, re.MULTILINE)


def test_the_list_of_commands_has_whole_sentences(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = told([], capsys, monkeypatch)
    assert "..." not in text.partition("Commands:")[2]
    assert all(re.search(rf"^  {name} .*[.?]$", text, re.MULTILINE) for name in COMMANDS)
    assert all(f"{int(code):>3}  {MEANINGS[code]}" in text for code in ExitCode)


def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Commands that do something, by all their words."""
    inner = getattr(command, "commands", {})
    if not inner or getattr(command, "invoke_without_command", False):
        yield name, command
    for each, found in inner.items():
        yield from leaves(found, f"{name} {each}")


LEAVES = dict(found for name, command in COMMANDS.items() for found in leaves(command, name))


@pytest.mark.parametrize("name", LEAVES)
def test_each_command_takes_what_an_error_that_was_not_foreseen_advises(name: str) -> None:
    assert any("--debug" in parameter.opts for parameter in LEAVES[name].params)


EXAMPLES = [words for some in manual.EXAMPLES.values() for words, _ in some]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_understood(example: str) -> None:
    name, *words = shlex.split(example)
    given = COMMANDS[name].make_context(name, list(words)).params
    if name == "run":
        asked = Selection(tuple(given["engine"] or ()), tuple(given["workload"] or ()))
        replaced = overrides(given["settings"] or [], None, given["fault"] or ())
        resolve(Request(given["suite"], asked, replaced), discover())


def test_a_command_is_called_as_its_user_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CALLED, raising=False)
    monkeypatch.setattr("sys.argv", ["/usr/bin/pytest"])
    assert program() == "streamgauge"
    monkeypatch.setattr("sys.argv", ["/no/where on/it/streamgauge"])
    assert program() == "'/no/where on/it/streamgauge'"
    monkeypatch.setenv(CALLED, "../a folder/bench")
    assert short_name() == "bench"
    assert again("report", "runs/my run [1]") == "'../a folder/bench' report 'runs/my run [1]'"
    assert shlex.split(again("judge", "it's")) == ["../a folder/bench", "judge", "it's"]


def test_a_command_on_the_path_is_called_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "streamgauge"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    monkeypatch.delenv(CALLED, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", [str(script)])
    assert program() == "streamgauge"


def test_what_a_terminal_would_obey_is_shown_in_a_command_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CALLED, raising=False)
    assert "\x1b" not in again("judge", "a\x1b[31mb")


def test_a_name_that_no_shell_function_can_have_is_not_used_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CALLED, "/x/my bench; reboot")
    assert short_name() == "streamgauge"


def test_advice_for_misuse_begins_as_the_command_did(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CALLED, "../bench")
    for words in (["run", "--bogus"], ["run"], ["compare", "one"], ["setup", "nothing-like-it"]):
        assert cli.execute(words) == 2
        assert f"in the command `bench {words[0]}`" in capsys.readouterr().err
    assert cli.execute(["run", "--bogus"]) == 2
    assert "See: ../bench run --help" in capsys.readouterr().err
    assert cli.execute(["list", "suites", "--matrix"]) == 2
    assert "Use: ../bench list engines --matrix" in capsys.readouterr().err


def test_an_empty_history_says_what_to_type_as_it_was_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CALLED, "./bench")
    (tmp_path / "h.jsonl").write_text("")
    assert cli.execute(["history", "show", "--file", str(tmp_path / "h.jsonl")]) == 0
    assert capsys.readouterr().out == "Nothing is kept yet: ./bench history add RUN\n"
