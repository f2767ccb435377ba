"""A pytest plug-in: the fixture `streamgauge`, which runs the command of that name and judges a test by what it says.

It imports nothing of Streamgauge and needs pytest only: the command may be installed elsewhere.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

COMMAND = "STREAMGAUGE_COMMAND"
"""The environment variable that names the command; the option and the ini value of pytest go before it."""

PATIENCE_S = 4 * 3600.0
"""A run may take so long unless a test says otherwise."""

_STOPPING_S = 120.0
_ENDS = {
    1: "a threshold was crossed",
    2: "the command or the suite is not valid",
    3: "wrong results or a broken guarantee",
    4: "an engine did not finish",
    5: "nothing could run here, or something needed is missing",
    6: "inconclusive: a figure stands in brackets",
}
"""What Streamgauge's exit codes mean."""

_TIED = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(143)
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.stderr.write(f"{sys.argv[2]} cannot be started: {error.strerror}\\n")
    sys.exit(127)
"""
"""Becomes a command that is asked to end (SIGTERM) when the process that started it is gone, also by SIGKILL. 1 is
PR_SET_PDEATHSIG."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("streamgauge")
    about = "the command line of Streamgauge; else the ini value, $STREAMGAUGE_COMMAND, or `streamgauge` on the PATH"
    group.addoption("--streamgauge-command", metavar="COMMAND", help=about)
    group.addoption(
        "--streamgauge-strict",
        action="store_true",
        help="a figure in brackets fails the test that asks for it, which is skipped as inconclusive otherwise",
    )
    parser.addini("streamgauge_command", "as the option --streamgauge-command", default="")


@pytest.fixture
def streamgauge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Streamgauge]:
    """Runs Streamgauge: `streamgauge.run("quick", engine="flink").must_pass()`.

    What was measured becomes properties of the test (`--junitxml`). A test that does not look at how a run ended fails:
    it would be green whatever happened.
    """
    made = Streamgauge(_command(request.config), tmp_path / "streamgauge", request.node)
    yield made
    for run in made.runs:
        if not run.looked_at:
            _fail(f"nobody looked at how the run ended: call must_pass() on what `{run.command}` gave")


@dataclass
class Streamgauge:
    """The command, for one test. runs: what it was called for so far."""

    command: Sequence[str]
    folder: Path
    node: pytest.Item
    runs: list[Run] = field(default_factory=list)

    def run(
        self,
        suite: str | os.PathLike[str] | None = None,
        *,
        engine: str | Iterable[str] = (),
        workload: str | Iterable[str] = (),
        log: str | None = None,
        settings: Mapping[str, object] | None = None,
        arguments: Iterable[str] = (),
        timeout_s: float = PATIENCE_S,
    ) -> Run:
        """Run a suite, by its name or the path of its file, and judge it.

        engine, workload: only these. log: `embedded`, `kafka` or `auto`. settings: values of the suite that are
        replaced, such as {"paced.rate": 10_000}. arguments: further words of `streamgauge run`. Fails the test where
        the command cannot be started, or says nothing that can be read, or takes longer than timeout_s seconds.
        """
        words = ["run", *([os.fspath(suite)] if suite is not None else [])]
        words += [word for name in _several(engine) for word in ("-e", name)]
        words += [word for name in _several(workload) for word in ("-w", name)]
        words += ["--log", log] if log is not None else []
        words += [word for name, value in (settings or {}).items() for word in ("--set", f"{name}={_toml(value)}")]
        words += [*arguments, "--format", "json", "--no-progress", "--out", str(self.folder)]
        code, out, err = self._call(words, timeout_s)
        if err.strip():
            self.node.add_report_section("call", "streamgauge", _shown(err))
        made = Run(shlex.join([*self.command, *words]), code, _document(code, out, err), err.strip(), self.node.config)
        self.runs.append(made)
        self.node.user_properties += _properties(made.document)
        return made

    def _call(self, words: Sequence[str], timeout_s: float) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of the command, in the folder that pytest was called in."""
        started = [sys.executable, "-I", "-c", _TIED, str(os.getpid()), *self.command, *words]
        process = subprocess.Popen(
            started,
            cwd=self.node.config.invocation_params.dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _stop(process)
            _fail(f"{shlex.join(self.command)} took longer than {timeout_s:g} s")
        except BaseException:
            # Interrupted: the run ends its engines before it ends.
            _stop(process)
            raise
        return process.returncode, out, err


@dataclass
class Run:
    """A run that has ended."""

    command: str
    """The command line."""
    code: int
    """Its exit code, as Streamgauge's docs/commands.md lists them."""
    document: Mapping[str, Any]
    """What `--format json` printed; results/schema.json describes it."""
    said: str
    """What it printed on standard error."""
    config: pytest.Config
    """Of the session."""
    looked_at: bool = False
    """Whether somebody asked how it ended."""

    @property
    def cases(self) -> list[dict[str, Any]]:
        """The cases, each engine in the phases of one kind."""
        return list(self.document["cases"])

    def must_pass(self) -> Run:
        """Fail the test unless each case ran and passed, and the command ended with exit code 0."""
        self.looked_at = True
        bad = [case for case in self.cases if case["outcome"] != "pass"]
        if self.code or bad or not self.cases:
            meaning = _ENDS.get(self.code, f"exit code {self.code}") if self.code else "not every case passed"
            told = [f"{_name(case)}: {case['outcome']}: {case['reason']}" for case in bad]
            told += [] if self.cases else ["there was no case"]
            told += _crossed(self.document)
            told += [self.said] if self.said else []
            _fail("\n".join([f"streamgauge: {meaning}", *told, f"results in {self.document['run']}"]))
        return self

    def must_end_with(self, code: int) -> Run:
        """Fail the test unless the command ended with this exit code: 3 where wrong results are expected, say."""
        self.looked_at = True
        if self.code != code:
            _fail(f"streamgauge ended with exit code {self.code}, not {code}\n{self.said}".strip())
        return self

    def metric(self, name: str, *, engine: str | None = None, mode: str | None = None) -> float:
        """The figure of the one case that has it, in the unit of METHOD.md: milliseconds for latencies, say.

        Of several trials, the median. Fails the test where it is absent or its case did not pass, or several cases have
        it. A figure in brackets says less than it seems to: then the test is skipped as inconclusive, or fails with
        --streamgauge-strict.
        """
        self.looked_at = True
        cases = self.document.get("repeated") or self.cases
        mine = [case for case in cases if engine in (None, case["engine"]) and mode in (None, case["mode"])]
        found = [case for case in mine if name in case["metrics"]]
        if len(found) != 1:
            among = f" of {engine}" if engine else ""
            why = "no case has it" if not found else f"{', '.join(map(_name, found))} have it: name one engine and mode"
            _fail(f"streamgauge: there is no single {name}{among}: {why}")
        if found[0]["outcome"] != "pass":
            _fail(f"streamgauge: {name} says nothing: the outcome of {_name(found[0])} is {found[0]['outcome']}")
        value = found[0]["metrics"][name]
        if value["bracketed"]:
            what = f"inconclusive: {name} of {_name(found[0])} stands in brackets: {'; '.join(value['bracketed'])}"
            if self.config.getoption("--streamgauge-strict"):
                _fail(what)
            pytest.skip(_shown(what))
        return float(value["value"])


def _properties(document: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Outcomes, and the metrics that rank something, by the case's name; pytest itself escapes values, and no names."""
    found: list[tuple[str, object]] = [("streamgauge.run", document["run"])]
    for case in document["cases"]:
        found.append((f"{_name(case)}.outcome", f"{case['outcome']}: {case['reason']}"))
        for name, value in case["metrics"].items():
            if value["better"] != "none":
                found.append((f"{_name(case)}.{name}", _property(value)))
    return [(_shown(name), value) for name, value in found]


def _crossed(document: Mapping[str, Any]) -> list[str]:
    """The thresholds of the suite that were crossed, of each case in a line."""
    found = []
    for check in document.get("thresholds", []):
        if check["state"] == "crossed":
            value = "" if check["value"] is None else f" ({check['value']:.6g} {check['unit']})"
            found.append(f"{check['text']} is crossed by {_name(check)}{value}")
    return found


def _property(value: Mapping[str, Any]) -> str:
    """A number with its unit; in brackets with the reasons where it says less than it seems to."""
    shown = f"{value['value']:.6g} {value['unit']}".strip()
    return f"({shown}), in brackets: {'; '.join(value['bracketed'])}" if value["bracketed"] else shown


def _name(case: Mapping[str, Any]) -> str:
    """A case's name in a property: engine, mode where it has several, fault, trial and kind of phase."""
    mode = f" ({case['mode']})" if case["mode"] != "default" else ""
    fault = f".{case['fault']}" if case["fault"] != "none" else ""
    trial = f".trial-{case['trial_number']}" if case.get("trial_number") is not None else ""
    return f"{case['engine']}{mode}.{case['workload']}{fault}{trial}.{case['phase']}"


def _several(words: str | Iterable[str]) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def _toml(value: object) -> str:
    """A value as `--set` takes it."""
    return json.dumps(value) if isinstance(value, bool | list | tuple) else str(value)


def _command(config: pytest.Config) -> list[str]:
    """Fails the test where there is none: a test that is skipped for that would be green forever."""
    named = config.getoption("--streamgauge-command") or config.getini("streamgauge_command") or os.environ.get(COMMAND)
    if named:
        try:
            return shlex.split(named)
        except ValueError as error:
            _fail(f"the command of Streamgauge, {named!r}, is no command line: {error}")
    found = shutil.which("streamgauge")
    if found is None:
        where = f"name it by --streamgauge-command or ${COMMAND}"
        _fail(f"there is no command streamgauge on the PATH: install it, or {where}")
    return [found]


def _document(code: int, out: str, err: str) -> Mapping[str, Any]:
    """What the command printed, which may be nothing that we know: then the test fails with what it said."""
    try:
        document: Mapping[str, Any] = json.loads(out)
        _properties(document)
        _crossed(document)
    except (ValueError, TypeError, KeyError, AttributeError):
        meaning = _ENDS.get(code, "it printed no document that can be read")
        _fail(f"streamgauge ended with exit code {code}: {meaning}\n{err.strip() or out.strip()[-2000:]}".strip())
    return document


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask it to end, as it ends its engines then; end it if that takes too long, as its warden ends them too."""
    process.terminate()
    try:
        process.communicate(timeout=_STOPPING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _fail(reason: str) -> NoReturn:
    pytest.fail(_shown(reason), pytrace=False)


def _shown(text: str) -> str:
    """Lines in which nothing is what a terminal obeys or XML forbids: an engine's name or log may hold anything."""
    return "".join(
        sign if sign.isprintable() or sign in "\n\t" else sign.encode("unicode_escape").decode() for sign in text
    )
