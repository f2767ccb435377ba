"""The workflows and the action for GitHub are valid and safe; what of them runs anywhere does what it says."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from reports.gate import gate_markdown
from tests.gate import test_gate_outputs
from tests.gate.made_up_trials import gate as gate_of

ROOT = Path(__file__).parents[1]
GITHUB = ROOT / ".github"
ACTION = GITHUB / "actions" / "gate"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))


def tool(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name(name), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_the_workflows_and_the_action_are_what_github_takes() -> None:
    assert len(WORKFLOWS) >= 3
    for schema, files in (("github-workflows", WORKFLOWS), ("github-actions", [ACTION / "action.yml"])):
        done = tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
        assert done.returncode == 0, done.stdout


def test_zizmor_finds_nothing_in_them() -> None:
    done = tool("zizmor", "--offline", "--no-progress", GITHUB)
    assert done.returncode == 0, done.stdout
    assert "No findings to report" in done.stdout + done.stderr


def test_zizmor_would_find_something(tmp_path: Path) -> None:
    text = (GITHUB / "workflows" / "gate-comment.yml").read_text()
    (tmp_path / "workflow.yml").write_text(re.sub(r" # zizmor: .*", "", text))
    done = tool("zizmor", "--offline", "--no-progress", tmp_path / "workflow.yml")
    assert done.returncode != 0
    assert "dangerous-triggers" in done.stdout


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION / "action.yml"], ids=lambda path: path.name)
def test_no_command_has_an_expression_in_it_and_each_action_of_others_is_pinned_by_its_hash(path: Path) -> None:
    """What an expression gives may be a stranger's text, such as a branch's name."""
    text = path.read_text()
    commands = re.findall(r"run: [|>-]*\n((?: {10,}.*\n)+)|run: (.+)", text)
    assert not any("${{" in part for parts in commands for part in parts)
    used = re.findall(r"uses: (\S+)", text)
    assert all(re.fullmatch(r"\./.*|[\w/-]+@[0-9a-f]{40}", name) for name in used)


def test_the_gate_of_a_pull_request_may_write_nothing_and_does_not_run_on_every_push() -> None:
    text = (GITHUB / "workflows" / "gate.yml").read_text()
    assert "write" not in re.sub(r"#.*", "", text)
    triggers = text.partition("\non:\n")[2].partition("\npermissions:")[0]
    assert re.findall(r"^  (\w+):", triggers, re.MULTILINE) == ["pull_request", "workflow_dispatch"]
    assert "types: [labeled]" in triggers
    assert "persist-credentials: false" in text
    assert "fetch-depth: 0" in text


def test_what_may_write_checks_out_the_default_branch_only() -> None:
    text = (GITHUB / "workflows" / "gate-comment.yml").read_text()
    assert re.findall(r"ref: (.*)", text) == ["${{ github.event.repository.default_branch }}"]
    assert "uses: actions/checkout" not in (GITHUB / "workflows" / "gate-command.yml").read_text()


STAND_IN = """#!/bin/sh
printf '%s\\n' "$@" >called
while [ "$1" != --out ]; do shift; done
mkdir "$2/a_gate_1"
echo page >"$2/a_gate_1/gate.md"
echo {} >"$2/a_gate_1/gate.json"
exit CODE
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a branch that has one commit of its own, and main one more than where they parted."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for words in (
        ["init", "-q", "-b", "main"],
        ["commit", "-q", "--allow-empty", "-m", "parted"],
        ["tag", "parted"],
        ["commit", "-q", "--allow-empty", "-m", "others"],
        ["checkout", "-q", "-b", "change", "parted"],
        ["commit", "-q", "--allow-empty", "-m", "ours"],
    ):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@x", *words], cwd=folder, check=True)
    return folder


def gate(folder: Path, code: int, **inputs: str) -> tuple[list[str], str, Path]:
    """The words that the command was called with, the step's outputs, and the folder of what was found."""
    command = folder / "stand_in.sh"
    command.write_text(STAND_IN.replace("CODE", str(code)))
    command.chmod(0o755)
    names = ("BASELINE", "BASE", "SUITE", "ENGINES", "WORKLOADS", "LOG", "STRICT", "ALLOW_MISSING")
    env = {f"GATE_{name}": inputs.get(name.lower(), "") for name in names}
    env |= {"GATE_COMMAND": str(command), "GATE_FOLDER": str(folder / "gate"), "GITHUB_OUTPUT": str(folder / "outputs")}
    env |= {"GITHUB_ACTION_PATH": str(ACTION)}
    done = subprocess.run(
        [ACTION / "gate.sh"], cwd=folder, env=os.environ | env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return (folder / "called").read_text().splitlines(), (folder / "outputs").read_text(), folder / "gate" / "found"


@pytest.mark.parametrize("code", [0, 1, 3, 6])
def test_the_action_keeps_what_was_found_and_how_the_gate_ended(repository: Path, code: int) -> None:
    words, outputs, found = gate(repository, code, suite="gate", log="auto")
    assert words == ["gate", "--suite", "gate", "--log", "auto", "--out", str(repository / "gate" / "runs")]
    assert outputs == f"code={code}\n"
    assert (found / "code.txt").read_text() == f"{code}\n"
    assert sorted(path.name for path in found.iterdir()) == ["code.txt", "gate.json", "gate.md"]


def test_the_action_s_inputs_become_options_and_never_code(repository: Path) -> None:
    hostile = "$(touch owned); `touch owned`"
    words, _, _ = gate(
        repository, 0, suite=hostile, log="kafka", engines="flink spark", workloads="sensors", baseline="v1 --x",
        strict="true", allow_missing="true",
    )  # fmt: skip
    assert words[:3] == ["gate", "--suite", hostile]
    assert words[words.index("--baseline") + 1] == "v1 --x"
    named = ["--engine", "flink", "--engine", "spark", "--workload", "sensors"]
    assert words[-8:] == [*named, "--strict", "--allow-missing-baseline"]
    assert not (repository / "owned").exists()


def test_the_baseline_of_a_change_is_where_it_parted_from_its_branch(repository: Path) -> None:
    words, _, _ = gate(repository, 0, suite="gate", log="auto", base="main")
    parted = subprocess.run(["git", "rev-parse", "parted"], cwd=repository, capture_output=True, text=True, check=True)
    assert words[words.index("--baseline") + 1] == parted.stdout.strip()


def comment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("comment", ACTION / "comment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGE = """### Gate: a regression in 1 of 6 figures

abc1234 &#40;dirty&#41; against def5678

| case | figure | change |
| --- | --- | --- |
| continuous.default.sensors | events per CPU&#45;second | &#45;14.2 % &#91;&#45;16.0 to &#45;12.1&#93; |

- accepted until 2027&#45;01&#45;31: wanted&#33; see &#35;&#8288;12, asked by &#64;&#8288;somebody
""".replace("2027&#45;01&#45;31: wanted", "2027&#45;01&#45;31&#58; wanted")


def said(folder: Path, page: str | bytes, code: str = "1") -> str:
    (folder / "gate.md").write_bytes(page if isinstance(page, bytes) else page.encode())
    (folder / "code.txt").write_text(code)
    return str(comment().body(folder, "https://example.org/run"))


def test_a_page_of_the_gate_becomes_the_comment(tmp_path: Path) -> None:
    told = said(tmp_path, PAGE)
    assert told.startswith("<!-- streamgauge gate -->\n### Gate: a regression in 1 of 6 figures\n")
    assert PAGE.strip() in told
    assert "[The run and its files](https://example.org/run)" in told


def test_a_page_that_the_gate_wrote_is_of_that_form_whatever_its_texts_are() -> None:
    hostile = "[x](http://e) @me #1 <b> `q` | www.evil.example \x1b[31m \u202e\n- * x"
    plain = [gate_of(summary=summary, notices=[summary]) for summary in ("No regression.", hostile)]
    for found in (*plain, test_gate_outputs.compared(), test_gate_outputs.hostile()):
        page = gate_markdown.page(found)
        assert comment().harmless(page), page


@pytest.mark.parametrize(
    "line",
    [
        "- [click](https://evil.example)",
        "- @somebody",
        "- &#64;somebody",
        "- #12",
        "- &#35;12",
        "- <img src=x>",
        "- &lt;b&gt;",
        "- **bold**",
        "- `code`",
        "- see www.evil.example",
        "- see WWW.evil.example",
        "- https://evil.example",
        "# Another heading",
        "> quoted",
        "1. [x]",
        "    code against code",
        "- x\r- y",
        "```",
        "- \u202etxet",
        "- \x1b[31m",
        "- a\u2028b",
        "| a | [b](c) |",
        "---",
        "===",
        "<!-- streamgauge gate -->",
        "- &#x40;somebody",
        "- &#0064;somebody",
        "- &commat;somebody",
    ],
)
def test_a_page_with_anything_else_in_it_is_not_shown(tmp_path: Path, line: str) -> None:
    told = said(tmp_path, f"{PAGE}{line}\n")
    assert "### The gate found a regression" in told
    assert "left no report that can be shown" in told
    assert len(told.splitlines()) == 6


@pytest.mark.parametrize("page", ["", b"\xff\xfe", "- a\n" * 100_000])
def test_what_is_no_page_is_not_shown(tmp_path: Path, page: str | bytes) -> None:
    assert "### The gate passed" in said(tmp_path, page, "0")


@pytest.mark.parametrize("code", ["", "x", "-1", "1234567", "\u0661"])
def test_an_artifact_without_a_result_says_so(tmp_path: Path, code: str) -> None:
    assert "### The gate ended without a result" in said(tmp_path, "", code)
    (tmp_path / "gate.md").unlink()
    (tmp_path / "gate.md").symlink_to("/etc/hostname")
    assert "### The gate ended without a result" in comment().body(tmp_path, "https://example.org/run")


def test_a_page_that_was_made_to_be_read_for_ever_is_read_at_once() -> None:
    for line in ("| " + "&#45; " * 20_000 + "<", "a" + " against " * 7000 + "<", "|" + " |" * 30_000, "| " * 30_000):
        assert not comment().harmless(line)


def test_the_forms_for_issues_are_what_github_takes() -> None:
    forms = [path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml"]
    assert forms
    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms)
    assert done.returncode == 0, done.stdout


def test_what_builds_a_release_may_write_nothing_and_what_publishes_runs_no_code_of_it() -> None:
    text = (GITHUB / "workflows" / "release.yml").read_text()
    build, publish = text.partition("\n  publish:\n")[::2]
    assert "write" not in re.sub(r"#.*", "", build)
    assert re.findall(r"(\S+): write", re.sub(r"#.*", "", publish)) == ["id-token"]
    assert "checkout" not in publish
    assert 'tags: ["v[0-9]+.[0-9]+.[0-9]+"]' in text
