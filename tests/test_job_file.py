"""Job files are read strictly: what is wrong is said with file, line and what is allowed, and all of it at once."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from engines.protocol import Environment, Job, Site, Topic
from harness import cli
from harness.planning import planner, suite
from harness.planning.catalogue import discover
from harness.planning.job_file import TEMPLATE, load
from harness.planning.planner import Selection
from harness.planning.request import Request, overrides, resolve
from harness.planning.suite import InvalidRequest
from harness.planning.suite_files import suites
from harness.problem import ExitCode, Problem
from results.plan import CasePlan, RunPlan
from tests.job_files import EXAMPLES, MINE, changed, written
from workloads import each_once

KNOWN = discover()


def refusals(folder: Path, text: str, name: str = "mine.toml") -> list[str]:
    """What is said of a file, each as what, where and remedy in a line; the file's folder left out."""
    with pytest.raises((Problem, InvalidRequest)) as told:
        load(written(folder, text, name), KNOWN)
    problems = told.value.problems if isinstance(told.value, InvalidRequest) else [told.value]
    assert all(problem.exit_code == ExitCode.USAGE for problem in problems)
    return [f"{p.what} | {p.where} | {p.remedy}".replace(f"{folder}/", "") for p in problems]


def test_a_job_file_says_what_an_engine_has(tmp_path: Path) -> None:
    job = load(written(tmp_path), KNOWN)
    assert (job.name, job.roles, job.logs) == ("mine", ("worker",), ("kafka",))
    assert job.sha256 == hashlib.sha256(MINE.encode()).hexdigest()
    assert (job.terms.workload, job.terms.workers, job.terms.guarantee) == ("each-once", 2, "at-least-once")
    claim = job.claim("exactly-once", "default")
    assert (claim.processing, claim.delivery) == ("exactly-once", "at-least-once")


@pytest.mark.parametrize("file", [TEMPLATE, *sorted(EXAMPLES.glob("*.toml"))], ids=lambda file: file.name)
def test_what_we_ship_is_a_job_file(file: Path) -> None:
    assert load(file, KNOWN).terms.workload == ("own-sql" if file.stem == "fees" else "each-once")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("count = 2", "counts = 2", r"unknown key `counts` \| mine.toml:5 \(worker.counts\) \| .*`count`.*command"),
        ("count = 2", "count = 0", r"`count`: .*greater than or equal to 1.* \| mine.toml:5"),
        ("count = 2", 'count = "2"', r"`count`: .*valid integer.* \| mine.toml:5"),
        ("count = 2", "count = true", r"`count`: .*valid integer.* \| mine.toml:5"),
        ("count = 2", "count = 1001", r"`count`: .*less than or equal to 1000"),
        ("schema_version = 1", "schema_version = 2", r"`schema_version` cannot be 2 \| mine.toml:1.*Allowed: 1"),
        ("schema_version = 1", "", r"the key `schema_version` is missing"),
        (
            '["java", "-jar", "mine.jar"]',
            '"java -jar mine.jar"',
            r"list of words, since no shell reads it.*mine.toml:4",
        ),
        ('["java", "-jar", "mine.jar"]', "[]", r"`command`: .*at least 1 item.* \| mine.toml:4"),
        ('["java", "-jar", "mine.jar"]', '["java", 1]', r"`command`: .*valid string"),
        ('["java", "-jar", "mine.jar"]', '["ja\\u0000va"]', r"`command`: .*NUL"),
        ('"{bootstrap}"', '"{brokers}"', r"unknown placeholder `\{brokers\}` \| mine.toml:6 .*\{bootstrap\}"),
        ("BROKERS =", '"A=B" =', r"`A=B`: no variable can be called so.* \| mine.toml:6 \(worker.env.A=B\)"),
        ('{ group = "{group}" }', '{ group = "{slot}" }', r"unknown placeholder `\{slot\}` \| mine.toml:10"),
        ('{ group = "{group}" }', "{}", r"`ready`: one of `group`, `line` and `port`.* \| mine.toml:10"),
        ('{ group = "{group}" }', "{ port = 70000 }", r"`port`: .*65535.* \| mine.toml:10"),
        ('{ group = "{group}" }', '{ url = "x" }', r"unknown key `url` \| mine.toml:10.*Allowed: group, line, port"),
        ('delivery = "at-least-once"', 'delivery = "twice"', r"`delivery` cannot be 'twice'.*Allowed: 'at-most-once'"),
        ('group = "{group}", client', "client", r"`progress`: one of `group` and `command`"),
        ('{ each_once = "header:sg-id" }', "{}", r"`answer`: one of `workload`, `each_once` and `sql`"),
        ('"header:sg-id"', '"header:"', r"`each_once`: .* \| mine.toml:12"),
        ('"header:sg-id"', '"body:x"', r"`each_once`: .* \| mine.toml:12"),
        ('each_once = "header:sg-id"', 'SQL = "a.sql"', r"unknown key `SQL`.*Allowed: each_once, emits, events"),
        ('each_once = "header:sg-id"', 'workload = "sensor"', r"unknown workload `sensor`.*Did you mean `sensors`"),
        (
            'each_once = "header:sg-id"',
            'workload = "sensors", parameters = { windw_ms = 1 }',
            r"unknown parameter of sensors `windw_ms` \| mine.toml:12.*`window_ms`",
        ),
        (
            'each_once = "header:sg-id"',
            'workload = "sensors", parameters = { window_ms = "long" }',
            r"`window_ms`: 'long' is not a duration",
        ),
        ('each_once = "header:sg-id"', 'workload = "sensors", in_order = true', r"`in_order` stands beside"),
        ("[job]", "[job]\nname = 'A b'", r"a job cannot be called 'A b'.* \| mine.toml:9 \(job.name\)"),
        ("[job]", "[job]\nname = 'flink'", r"an engine is called flink already \| mine.toml:9"),
        ("[job]", "[job]\nbuild = ['make', '{input}']", r"unknown placeholder `\{input\}` \| mine.toml:9.*\{python\}"),
        ("[job]", "[job]\nbuild = ['make', '{state}']", r"unknown placeholder `\{state\}` \| mine.toml:9.*\{built\}"),
        (
            "[job]",
            "[job]\nbuild = ['make', '{jars:kafka-stream}']",
            r"unknown jar set `kafka-stream` \| mine.toml:9 .*Did you mean `kafka-streams`",
        ),
        ('"{bootstrap}"', '"{jars:}"', r"unknown jar set `` \| mine.toml:6 .*Allowed: .*kafka-streams"),
        ('"{bootstrap}"', '"{jars:mine}"', r"unknown jar set `mine` \| mine.toml:6 .*kafka-streams"),
        (
            "[job]",
            "[job]\nrequirements = 'none.txt'",
            r"no file 'none.txt' of requirements \| mine.toml:9.*uv pip compile",
        ),
        ("[job]", "[job]\nrequirements = '.'", r"no file '\.' of requirements"),
        ("[job]", f"[job]\nrequirements = '{'a' * 5000}'", r"no file 'a+'?\.* of requirements"),
        ("[job]", "[job]\nrequirements = ''", r"`requirements`: .*at least 1 character"),
        ("[job]", "[job]\nstop = { signal = 'SIGKILL' }", r"`signal` cannot be 'SIGKILL'.*SIGTERM"),
        ("[job]", "[job]\nstop = { timeout = '2 days' }", r"`timeout`: .*duration"),
        ("[job]", "[job]\ninterval = '0ms'", r"`interval`: .*greater"),
        ("[job]", "[job]\nmemory = 'much'", r"`memory`: .*size"),
        ("[job]", "[outputs]\ncommand = ['x']\n[job]", r"unknown key `outputs` \| mine.toml:8 .*Did you mean `output`"),
        ("[job]", "[output]\n[job]", r"`output`: one of `command` and `decoder`.* \| mine.toml:8"),
        ("[job]", "[output]\ncommand = ['x']\ndecoder = ['y']\n[job]", r"`output`: one of `command` and `decoder`"),
        ("[job]", "[output]\ncommand = 'cat rows'\n[job]", r"`command`: a command is a list of words.*mine.toml:9"),
        ("[job]", "[output]\ncommand = []\n[job]", r"`command`: .* \| mine.toml:9"),
        ("[job]", "[output]\ncommand = ['x']\nprefix = 'schema-registry'\n[job]", r"`prefix` stands beside `decoder`"),
        ("[job]", "[output]\ndecoder = ['x']\nprefix = 'confluent'\n[job]", r"`prefix` cannot be 'confluent'.*none"),
        ("[job]", "[output]\ncommand = ['x', '{slot}']\n[job]", r"unknown placeholder `\{slot\}` \| mine.toml:8"),
        ("[job]", "[output]\ncommand = ['x']\n[job]", r"`each_once` is 'header:sg-id', which is outside.*mine.toml:14"),
        ("[job]", "[output]\ndecoder = ['x']\n[job]", r"outside of a value that is decoded .*value:FIELD"),
        ("[job]", "[coordinator]\ncommand = ['x', '{slot}']\n[job]", r"unknown placeholder `\{slot\}` \| mine.toml:9"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    found = refusals(tmp_path, changed(before, after))
    assert any(re.search(said, one) for one in found), found


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    text = changed("count = 2", "count = 0").replace("schema_version = 1", "schema_version = 7")
    assert len(refusals(tmp_path, text)) == 2


@pytest.mark.parametrize("name", ["A.toml", "-a.toml", "mine job.toml", f"{'a' * 41}.toml", "ключ.toml"])
def test_a_file_whose_name_no_job_can_have_asks_for_one(tmp_path: Path, name: str) -> None:
    assert any("a job cannot be called" in one for one in refusals(tmp_path, MINE, name))
    assert load(written(tmp_path, changed("[job]", "[job]\nname = 'fine-2'"), name), KNOWN).name == "fine-2"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"schema_version = ", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (b"a = " + b"[" * 3000, "nested|not TOML"),
        (b"#" * ((1 << 20) + 1), "more than 1,048,576 bytes"),
        (b"", "is missing"),
    ],
)
def test_what_is_no_job_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    with pytest.raises((Problem, InvalidRequest), match=said):
        load(file, KNOWN)


def test_a_job_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot be read"):
        load(tmp_path / "none.toml", KNOWN)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "mine.toml")
    with pytest.raises(Problem, match="no regular file"):
        load(tmp_path / "mine.toml", KNOWN)


# What a run makes of it.


def planned(folder: Path, text: str = MINE, source: str = "ci", selection: Selection | None = None) -> RunPlan:
    job = load(written(folder, text), KNOWN)
    known = KNOWN.with_job(job)
    chosen = selection or Selection((job.name,), job_sha256=job.sha256)
    name, content, chosen = resolve(Request(source, chosen, {}, job=job.terms), known)
    return planner.make(name, content, chosen, known, ("kafka", None), lambda *_: None, "run")


def only(plan: RunPlan) -> CasePlan:
    (case,) = plan.cases
    assert case.blocked is None, case.blocked
    return case


def test_a_job_needs_what_its_commands_name(tmp_path: Path) -> None:
    assert load(written(tmp_path), KNOWN).environment == Environment()
    jars = changed("{job}-{slot}", "{jars:kafka-streams}:{jars:kafka}:{jars:kafka}")
    assert load(written(tmp_path, jars), KNOWN).environment == Environment(jars=("kafka-streams", "kafka"), java=17)
    compiled = changed("[job]", "[job]\nbuild = ['{java_home}/bin/javac', '-d', '{built}']")
    assert load(written(tmp_path, compiled), KNOWN).environment == Environment(java=17)
    (tmp_path / "lock.txt").touch()
    locked = changed("[job]", "[job]\nrequirements = 'lock.txt'")
    lock = tmp_path.resolve() / "lock.txt"
    assert load(written(tmp_path, locked), KNOWN).environment == Environment(requirements=lock)


def test_a_suite_asks_a_job_what_it_answers(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    case = only(plan)
    assert (case.engine, case.workload, case.guarantee) == ("mine", "each-once", "at-least-once")
    assert case.parameters["order"] == "none"
    assert plan.job_sha256 == hashlib.sha256(MINE.encode()).hexdigest()
    assert RunPlan.model_validate_json(plan.model_dump_json()) == plan


def test_what_a_job_has_by_itself_counts_before_the_suite(tmp_path: Path) -> None:
    text = changed("[job]", "[job]\ninterval = '250ms'\nmemory = '200MiB'").replace("count = 2", "count = 3")
    case = only(planned(tmp_path, text))
    assert (case.parallelism, case.interval_ms, case.worker_memory_mb) == (3, 250, 200)
    plain = only(planned(tmp_path, changed("count = 2\n", "")))
    assert (plain.parallelism, plain.interval_ms, plain.worker_memory_mb) == (2, 500, 512)


def test_the_answers_parameters_are_the_jobs_and_not_the_suites(tmp_path: Path) -> None:
    answer = 'workload = "sensors", parameters = { window_ms = "2s" }'
    case = only(planned(tmp_path, changed('each_once = "header:sg-id"', answer)))
    assert (case.workload, case.parameters["window_ms"]) == ("sensors", 2000)


def test_a_job_answers_nothing_else(tmp_path: Path) -> None:
    asked = Selection(("mine",), workloads=("sensors",))
    (case,) = planned(tmp_path, selection=asked).cases
    assert case.blocked is not None
    assert (case.blocked.outcome, "answers each-once" in case.blocked.reason) == ("unsupported", True)


def test_a_job_is_run_with_its_own_guarantee_only(tmp_path: Path) -> None:
    (case,) = planned(tmp_path, selection=Selection(("mine",), guarantee="exactly-once")).cases
    assert case.blocked is not None
    assert "claims at-least-once" in case.blocked.reason


def test_where_a_job_tells_its_commits_two_more_strikes_fall_right_after_one_else_all_by_time(tmp_path: Path) -> None:
    told = only(planned(tmp_path))
    untold = only(planned(tmp_path, changed('progress = { group = "{group}", client = "{job}-{slot}" }\n', "")))
    by_commits, by_time = told.strikes, untold.strikes
    assert by_commits is not None
    assert by_time is not None
    assert (by_time.aim, by_time.rows, by_time.commits) == ("share", 0, 0)
    assert (by_commits.aim, by_commits.commits, by_commits.most) == ("interval", 2, by_time.most + 2)
    # They have their time.
    assert told.paced == untold.paced.model_copy(update={"measured_s": untold.paced.measured_s + 40})  # type: ignore[union-attr]


OUTPUT = '[output]\ncommand = ["{python}", "{output}"]\n[job]'
POLLED = MINE.replace("[job]", OUTPUT).replace("header:sg-id", "value:id")


def test_rows_that_a_command_prints_have_no_order(tmp_path: Path) -> None:
    found = refusals(tmp_path, POLLED.replace('"value:id"', '"value:id", in_order = true'))
    assert any("`in_order` asks for an order" in one for one in found), found


def test_a_job_says_where_its_rows_are(tmp_path: Path) -> None:
    topic = Topic("kafka", "broker:1", "out", 4)
    query = each_once.workload.query(each_once.workload.defaults)
    asked = Job("sg-1", query, topic, topic, "exactly-once", "default", 2, 500, 512, tmp_path)
    site = Site(tmp_path, tmp_path, tmp_path, Path("/python"), tmp_path)
    plain = load(written(tmp_path), KNOWN)
    assert (plain.row_command(asked, site), plain.decoding(asked, site)) == (None, None)
    assert not plain.terms.polled
    polled = load(written(tmp_path, POLLED), KNOWN)
    command = polled.row_command(asked, site)
    assert command is not None
    assert (command.words, command.folder, polled.terms.polled) == (("/python", "out"), str(tmp_path), True)
    table = "env = { B = '{bootstrap}' }\nprefix = 'schema-registry'\ndecoder = ["
    text = POLLED.replace("[output]\ncommand = [", f"[output]\n{table}")
    decoded = load(written(tmp_path, text), KNOWN)
    decoding = decoded.decoding(asked, site)
    assert decoding is not None
    assert (decoding.prefixed, decoding.decoder.env, decoded.terms.polled) == (True, {"B": "broker:1"}, False)


@pytest.mark.parametrize(
    ("aim", "planned_aim"),
    [("interval", "interval"), ("commit", "commit"), ("row", "interval"), ("outputs", "interval"), ("share", "share")],
)
def test_strikes_are_not_aimed_by_rows_that_nobody_sees(tmp_path: Path, aim: str, planned_aim: str) -> None:
    text = suites()["ci"].read_text()
    assert 'aim = "interval"' in text
    source = tmp_path / "mine-suite.toml"
    source.write_text(text.replace('aim = "interval"', f'aim = "{aim}"\nrows = 1'))
    strikes = only(planned(tmp_path, POLLED, str(source))).strikes
    assert strikes is not None
    assert (strikes.aim, strikes.rows) == (planned_aim, 0)
    seen = only(planned(tmp_path, MINE, str(source))).strikes
    assert seen is not None
    assert (seen.aim, seen.rows) == (aim, 1)


def test_each_worker_of_a_job_must_have_a_strike(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="there are 9"):
        planned(tmp_path, changed("count = 2", "count = 9"))


def test_no_suite_names_a_job(tmp_path: Path) -> None:
    file = tmp_path / "asks.toml"
    file.write_text(suites()["ci"].read_text().replace('["continuous", ', f'["{written(tmp_path)}", '))
    with pytest.raises(InvalidRequest, match="unknown engine"):
        suite.load(str(file), {}, KNOWN)


def test_a_job_stands_beside_the_engines(tmp_path: Path) -> None:
    job = load(written(tmp_path), KNOWN)
    known = KNOWN.with_job(job)
    assert known.engines.keys() - KNOWN.engines.keys() == {"mine"}
    assert KNOWN.with_job(None) is KNOWN


def test_a_value_of_the_command_line_counts_before_the_jobs(tmp_path: Path) -> None:
    job = load(written(tmp_path), KNOWN)
    asked = Request("ci", Selection((job.name,)), overrides(["workload.each-once.keys=7"], None), job=job.terms)
    _, content, _ = resolve(asked, KNOWN.with_job(job))
    assert content.workload["each-once"] == {"order": "none", "keys": 7}


# A run that goes on.


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "plan.json").write_text(planned(tmp_path).model_dump_json())
    return folder


@pytest.mark.parametrize(
    ("text", "said"), [(None, "name the file again with --job"), (changed("count = 2", "count = 1"), "its SHA-256 is")]
)
def test_a_run_goes_on_with_the_same_job_file_only(
    begun: Path, tmp_path: Path, text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [] if text is None else ["--job", str(written(tmp_path, text))]
    assert cli.execute(["run", "--resume", str(begun), "--dry-run", *words]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_a_run_that_goes_on_with_its_job_file_knows_its_cases(
    begun: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = str(written(tmp_path))
    assert cli.execute(["run", "--resume", str(begun), "--dry-run", "--job", job]) == ExitCode.GOOD
    assert "mine.default.each-once" in capsys.readouterr().out


def test_a_run_without_a_job_takes_none(begun: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = RunPlan.model_validate_json((begun / "plan.json").read_bytes())
    (begun / "plan.json").write_text(plan.model_copy(update={"job_sha256": None}).model_dump_json())
    words = ["run", "--resume", str(begun), "--dry-run", "--job", str(written(tmp_path))]
    assert cli.execute(words) == ExitCode.USAGE
    assert "leave --job out" in capsys.readouterr().err


# The command.


def test_job_new_writes_a_file_that_can_be_read_and_overwrites_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    assert cli.execute(["job", "new", str(file)]) == ExitCode.GOOD
    assert f"job check {file}" in capsys.readouterr().out
    assert load(file, KNOWN).name == "mine"
    file.write_text("mine")
    assert cli.execute(["job", "new", str(file)]) == ExitCode.USAGE
    assert file.read_text() == "mine"
    assert cli.execute(["job", "new", str(tmp_path / "no" / "such" / "file.toml")]) == ExitCode.USAGE


@pytest.mark.parametrize("words", [["job", "check"], ["run", "ci", "--job"]])
def test_a_command_with_a_job_file_that_is_wrong_says_so(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, changed("count = 2", "counts = 2"))
    assert cli.execute([*words, str(file)]) == ExitCode.USAGE
    told = capsys.readouterr().err
    assert f"{file}:5" in told
    assert "Allowed:" in told


def test_every_key_of_a_job_file_stands_in_the_file_to_begin_with() -> None:
    from harness.planning import job_file

    text = TEMPLATE.read_text()
    tables = [one for one in vars(job_file).values() if isinstance(one, type) and issubclass(one, job_file.Table)]
    keys = {key for table in tables for key in table.model_fields}
    assert len(tables) > 5
    assert {key for key in keys if not re.search(rf"\b{key}\b", text)} == set()
