"""The commands of the workflows that answer on pull requests, run with a stand-in for GitHub's own command `gh`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
COMMIT = "a" * 40
MARK = "<!-- streamgauge gate -->"

pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq, which GitHub's machines have")

STAND_IN = f"""#!{sys.executable}
import json, subprocess, sys
from pathlib import Path

here, words = Path(__file__).parent, sys.argv[1:]
with (here / "called").open("a") as file:
    print(json.dumps(words), file=file)
answers = json.loads((here / "answers").read_text())
answer = next((json.dumps(said) for part, said in answers.items() if part in " ".join(words)), "")
if "--jq" in words:
    form = words[words.index("--jq") + 1]
    answer = subprocess.run(["jq", "-r", form], input=answer, capture_output=True, text=True, check=True).stdout
sys.stdout.write(answer)
"""


@dataclass
class GitHub:
    """What `gh` answers, by a part of its words, and what it was called with."""

    folder: Path

    def run(self, workflow: str, step: str, answers: dict[str, Any], **variables: str) -> str:
        """Run the commands of a step as GitHub does; what they print."""
        (self.folder / "answers").write_text(json.dumps(answers))
        (self.folder / "called").write_text("")
        env = os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}", "RUNNER_TEMP": str(self.folder)}
        done = subprocess.run(
            ["bash", "-e", "-c", commands(workflow, step)],
            cwd=ROOT,
            env=env | {"GH_REPO": "org/repo", "GH_TOKEN": "t"} | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    @property
    def called(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "called").read_text().splitlines()]


def commands(workflow: str, step: str) -> str:
    text = (WORKFLOWS / workflow).read_text()
    own = text.partition(f"- name: {step}\n")[2].partition("- name:")[0]
    assert own, step
    return textwrap.dedent(own.partition("run: |\n")[2])


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    for name, text in (("gh", STAND_IN), ("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return GitHub(tmp_path)


def asked(github: GitHub, branch: str, fork: bool) -> None:
    pull = {"headRefName": branch, "baseRefName": "main", "isCrossRepository": fork}
    github.run("gate-command.yml", "Start the gate on the branch", {"pr view": pull}, PULL="7")


@pytest.mark.parametrize("branch", ["change", "$(touch owned)", "`touch owned`", "a b", '"; touch owned; "', "-x"])
def test_a_comment_starts_the_gate_on_its_branch_whatever_that_is_called(github: GitHub, branch: str) -> None:
    asked(github, branch, fork=False)
    view, start = github.called
    assert view[:3] == ["pr", "view", "7"]
    assert start == ["workflow", "run", "gate.yml", "--ref", branch, "-f", "base=main"]
    assert not (ROOT / "owned").exists()


def test_for_a_fork_a_comment_starts_nothing_and_says_what_does(github: GitHub) -> None:
    asked(github, "change", fork=True)
    _, told = github.called
    assert told[:4] == ["pr", "comment", "7", "--body"]
    assert "put the label `gate` on" in told[4]


def told(github: GitHub, comments: list[dict[str, Any]], head: str = COMMIT) -> str:
    """What a gate's end comes to on a repository with one pull request, whose newest commit is `head`."""
    (github.folder / "found").mkdir()
    (github.folder / "found" / "code.txt").write_text("3\n")
    answers = {"issues/7/comments": comments, "GET repos/org/repo/pulls": [{"number": 7, "head": {"sha": head}}]}
    return github.run(
        "gate-comment.yml",
        "Comment, or replace the comment that is there",
        answers,
        RUN="9",
        LINK="https://example.org/9",
        COMMIT=COMMIT,
        BRANCH="somebody:change",
    )


def comment(number: int, user: str, body: str) -> dict[str, Any]:
    return {"id": number, "user": {"login": user}, "body": body}


OTHERS = [comment(1, "somebody", f"{MARK} mine"), comment(2, "github-actions[bot]", f"of another workflow {MARK}")]


def test_what_a_gate_found_becomes_a_comment_on_the_pull_request_of_its_commit(github: GitHub) -> None:
    told(github, OTHERS)
    pulls, _, new = github.called
    assert pulls == ["api", "--method", "GET", "repos/org/repo/pulls", "-f", "state=open", "-f", "head=somebody:change"]
    assert new == ["pr", "comment", "7", "--body-file", str(github.folder / "comment.md")]
    text = (github.folder / "comment.md").read_text()
    assert text.startswith(f"{MARK}\n### The gate found wrong rows")
    assert "https://example.org/9" in text


def test_the_comment_of_an_earlier_gate_is_replaced_and_nobody_elses(github: GitHub) -> None:
    told(github, [*OTHERS, comment(5, "github-actions[bot]", f"{MARK}\nold"), comment(6, "x", f"{MARK}\nlast")])
    *_, changed = github.called
    body = f"body=@{github.folder / 'comment.md'}"
    assert changed == ["api", "--method", "PATCH", "repos/org/repo/issues/comments/5", "-F", body, "--silent"]


def test_of_a_commit_that_is_not_the_newest_any_more_nothing_is_told(github: GitHub) -> None:
    assert "nothing is told" in told(github, OTHERS, head="b" * 40)
    assert len(github.called) == 1


def test_an_artifact_that_is_not_there_is_no_failure(github: GitHub) -> None:
    (github.folder / "gh").write_text("#!/bin/sh\nexit 1\n")
    text = (WORKFLOWS / "gate-comment.yml").read_text()
    (command,) = (line.partition("run: ")[2] for line in text.splitlines() if "gh run download" in line)
    env = {"PATH": f"{github.folder}:{os.environ['PATH']}", "RUNNER_TEMP": str(github.folder), "RUN": "9"}
    subprocess.run(["bash", "-e", "-c", command], env=env, check=True, timeout=60)
    assert (github.folder / "found").is_dir()
