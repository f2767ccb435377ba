"""How engines are set: settings, layout, own interval and options, from the suite to a case's name and a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engines.configuration import Options, Setting, nearest
from harness.planning import planner
from harness.planning.catalogue import Catalogue, discover
from harness.planning.planner import Selection
from harness.planning.suite import InvalidRequest, load
from reports.comparison import Row, compare
from reports.summary import speed
from results.plan import CasePlan, RunPlan, SetUp
from tests import made_up

SUITE = """
schema_version = 1
seed = 1
partitions = 4
parallelism = 2
interval = "1s"
worker_memory = "1GiB"
guarantee = "exactly-once"
{more}
[workload.sensors]
[paced]
rate = "5k/s"
warmup = "1s"
measured = "5s"
"""

FAULTS = '\n[faults]\ninject = "kill-worker"\n'


@pytest.fixture(scope="module")
def known() -> Catalogue:
    return discover()


@pytest.fixture
def plan(tmp_path: Path, known: Catalogue) -> Callable[..., RunPlan]:
    def make(engine: str, more: str = "", faults: str = "", **overrides: str) -> RunPlan:
        path = tmp_path / "mine.toml"
        path.write_text(SUITE.format(more=more) + faults)
        suite = load(str(path), {key.replace("__", "."): value for key, value in overrides.items()}, known)
        return planner.make(
            "mine", suite, Selection((engine,)), known, ("kafka", None), lambda *_: None, "streamgauge run mine.toml"
        )

    return make


def names(run: RunPlan) -> list[str]:
    return [case.case_name for case in run.cases]


def test_an_engine_with_a_choice_has_it_in_its_cases_name(plan):
    assert names(plan("flink")) == ["flink.sql.sensors.plain.one-process"]
    assert names(plan("flink", 'settings = "recommended"')) == ["flink.sql.sensors.recommended.one-process"]


def test_both_settings_stand_side_by_side(plan):
    both = 'settings = ["plain", "recommended"]'
    assert names(plan("spark", both)) == [
        "spark.micro-batch.sensors.plain.one-process",
        "spark.micro-batch.sensors.recommended.one-process",
    ]


def test_an_engine_that_knows_one_way_only_has_one_case_without_a_word_of_it(plan):
    both = 'settings = ["plain", "recommended"]\nlayout = "one-process"'
    assert names(plan("continuous", both)) == ["continuous.default.sensors"]


def test_where_workers_are_struck_each_task_has_a_process_of_its_own(plan):
    struck = plan("kafka-streams", 'settings = "recommended"', FAULTS)
    assert all(".recommended.process-per-task." in name for name in names(struck))


def test_an_engines_own_table_comes_before_what_stands_for_all(plan):
    own = '[engine.flink]\nsettings = "recommended"\nlayout = "process-per-task"\n'
    assert names(plan("flink", own)) == ["flink.sql.sensors.recommended.process-per-task"]
    assert names(plan("spark", own)) == ["spark.micro-batch.sensors.plain.one-process"]


def test_an_own_interval_is_one_more_case_for_engines_that_have_one(plan):
    assert names(plan("kafka-streams", "own_interval = true")) == [
        "kafka-streams.retention-1h.sensors.plain.one-process",
        "kafka-streams.retention-1h.sensors.plain.one-process.own-interval",
    ]
    assert len(names(plan("flink", "own_interval = true"))) == 1


@pytest.mark.parametrize("workers", ["one-process", "process-per-task"])
def test_all_workers_together_have_the_same_memory(plan, workers):
    from harness.planned_job import planned_job

    (case,) = plan("flink", f'layout = "{workers}"').cases
    topic = object()
    job = planned_job(case, "x", None, topic, topic, Path())  # type: ignore[arg-type] # only its numbers are looked at
    assert job.workers * job.process_memory_mb == 2 * 1024


def test_a_limit_below_an_engines_least_is_unsupported_with_that_least(plan):
    (case,) = plan("spark", worker_memory="400MiB").cases
    assert case.blocked is not None
    assert case.blocked.outcome == "unsupported"
    assert "834 MiB" in case.blocked.reason
    assert "417MiB" in case.blocked.remedy
    assert plan("spark", worker_memory="417MiB").cases[0].blocked is None


def test_options_reach_the_plan_by_their_whole_names_however_they_are_written(plan):
    dotted = "[engine.spark.options]\nspark.sql.shuffle.partitions = 4\n"
    quoted = '[engine.spark.options]\n"spark.sql.shuffle.partitions" = "4"\n'
    set_here = {"engine__spark__options__spark.sql.shuffle.partitions": "4"}
    for run in (plan("spark", dotted), plan("spark", quoted), plan("spark", **set_here)):
        (case,) = run.cases
        assert case.set_up.options == {"spark.sql.shuffle.partitions": "4"}
        assert case.case_name.endswith(f".options-{case.set_up.digest}")


@pytest.mark.parametrize("written", ["1.50", "0x10", "1_000", "2020-01-01", "TRUE", "a=b"])
def test_an_option_on_the_command_line_is_passed_on_as_it_is_written(plan, written):
    (case,) = plan("spark", **{"engine__spark__options__spark.x": written}).cases
    assert case.set_up.options == {"spark.x": written}


def test_a_command_line_replaces_an_option_of_the_file(plan):
    file = "[engine.spark.options]\nspark.sql.x = 1\nspark.sql.y = true\n"
    (case,) = plan("spark", file, **{"engine__spark__options__spark.sql.x": "2"}).cases
    assert case.set_up.options == {"spark.sql.x": "2", "spark.sql.y": "true"}


@pytest.mark.parametrize(
    ("engine", "option", "why"),
    [
        ("flink", "execution.checkpointing.interval", "set `interval`"),
        ("flink", "rest.port", "where processes are"),
        ("flink", "state.backend", "it is the mode's"),
        ("flink", "state.checkpoints.dir", "where processes are"),
        ("flink", "execution.savepoint.path", "where processes are"),
        ("flink", "table.exec.resource.default-parallelism", "set `parallelism`"),
        ("flink", "sink.parallelism", "set `parallelism`"),
        ("spark", "spark.cores.max", "set `parallelism` and `layout`"),
        ("spark", "spark.submit.pyFiles", "run code"),
        ("spark", "spark.master", "set `parallelism` and `layout`"),
        ("spark", "spark.ui.port", "loopback"),
        ("spark", "sparkle", "begin with spark."),
        ("kafka-streams", "commit.interval.ms", "set `interval`"),
        ("kafka-streams", "producer.bootstrap.servers", "where processes are"),
        ("flink", "env.java.opts.all", "run code"),
        ("flink", "blob.server.bind-host", "loopback"),
        ("spark", "spark.executor.defaultJavaOptions", "run code"),
        ("spark", "spark.jars.packages", "run code"),
        ("spark", "spark.plugins", "run code"),
        ("spark", "spark.sql.extensions", "run code"),
        ("kafka-streams", "producer.interceptor.classes", "run code"),
        ("kafka-client", "consumer.isolation_level", "right answer"),
        ("kafka-client", "consumer.fetch_mix_bytes", "no such option"),
        ("continuous", "anything", "no options"),
    ],
)
def test_an_option_that_the_measurement_rests_on_is_refused_with_the_reason(plan, engine, option, why):
    with pytest.raises(InvalidRequest) as caught:
        plan(engine, **{f"engine__{engine}__options__{option}": "1"})
    (problem,) = caught.value.problems
    assert f"`{option}`" in problem.what
    assert why in problem.what
    assert problem.where == f"--set engine.{engine}.options.{option}"


def test_an_option_that_is_misspelt_is_answered_with_the_nearest(plan):
    with pytest.raises(InvalidRequest) as caught:
        plan("kafka-client", **{"engine__kafka-client__options__consumer.fetch_min_byte": "1"})
    assert caught.value.problems[0].remedy == "Did you mean `consumer.fetch_min_bytes`?"


def test_an_option_whose_engine_lists_none_is_taken_and_said_not_to_be_checked(known, plan):
    (case,) = plan("flink", **{"engine__flink__options__pipeline.object-reuse": "true"}).cases
    told = known.loaded["flink"].reported(_job(case, known))
    assert told["pipeline.object-reuse"] == Setting("true", "yours", "given by the user; its name was not checked")


@pytest.mark.parametrize(
    ("table", "what"),
    [
        ('[engine.flinc]\nsettings = "plain"\n', "unknown engine `flinc`"),
        ('[engine.flink]\nsetings = "plain"\n', "unknown key `setings`"),
        ('[engine.flink]\nsettings = "best"\n', "`settings` cannot be 'best'"),
        ('[engine.continuous]\nsettings = "recommended"\n', "continuous has no settings `recommended`"),
        ('[engine.kafka-client]\nlayout = "one-process"\n', "kafka-client has no layout `one-process`"),
        ("[engine.spark.options]\nspark.x = 1.50\n", "put its value in quotes"),
        ("[engine.spark.options]\nspark.x = [1]\n", "put its value in quotes"),
    ],
)
def test_what_no_engine_can_be_set_to_is_refused(plan, table, what):
    with pytest.raises(InvalidRequest) as caught:
        plan("flink", table)
    assert any(what in problem.what for problem in caught.value.problems)
    assert all("mine.toml" in problem.where for problem in caught.value.problems)


def _job(case: CasePlan, known: Catalogue):
    from engines.protocol import Topic
    from harness.planned_job import planned_job

    topic = Topic("kafka", "127.0.0.1:9", "x", 4)
    query = known.workloads[case.workload].query(case.parameters)
    return planned_job(case, "x", query, topic, topic, Path())


@pytest.mark.parametrize("engine", ["flink", "kafka-streams", "spark"])
def test_plain_settings_have_nothing_that_is_only_advised(known, plan, engine):
    for more in ("", FAULTS):
        for case in plan(engine, "", more).cases:
            told = known.loaded[engine].reported(_job(case, known))
            assert {setting.reason for setting in told.values()} <= {"asked", "right answer", "this harness"}


@pytest.mark.parametrize("engine", ["flink", "kafka-streams", "spark"])
def test_recommended_settings_are_plain_ones_and_more_each_with_its_source(known, plan, engine):
    both = plan(engine, 'settings = ["plain", "recommended"]').cases
    plain, recommended = (known.loaded[engine].reported(_job(case, known)) for case in both)
    more = {name: each for name, each in recommended.items() if each.reason == "recommended"}
    assert more
    assert all(each.why for each in more.values())
    assert {name: each for name, each in recommended.items() if name not in more}.items() <= plain.items()


def test_every_mode_of_every_engine_says_where_its_state_is(known):
    for engine in known.loaded.values():
        assert set(engine.stores) == set(engine.modes)


def test_options_are_refused_by_name_by_beginning_and_by_list():
    options = Options({"a": "no a", "b.*": "no b"}, known=frozenset({"a", "b.c", "d"}))
    assert [options.refusal(name) for name in ("a", "b.c", "d", "e")] == [
        "no a",
        "no b",
        None,
        "the engine has no such option",
    ]


def test_a_choice_that_an_engine_does_not_have_is_its_first():
    assert nearest(["plain", "recommended"], ("plain",)) == ["plain"]
    assert nearest(["one-process"], ("process-per-task",)) == ["process-per-task"]


def test_the_digest_is_of_what_is_set_and_not_of_its_order():
    one, other = SetUp(options={"a": "1", "b": "2"}), SetUp(options={"b": "2", "a": "1"})
    assert one.digest == other.digest != SetUp(options={"a": "1", "b": "3"}).digest


def test_explain_takes_a_short_name_and_refuses_one_that_means_several(known):
    from harness import engine_plan
    from harness.problem import Problem
    from harness.provisioning.progress import Lines

    with pytest.raises(Problem, match="names 2 cases"):
        next(
            engine_plan.explained(
                "continuous.sensors", "quick", {"guarantee": '["exactly-once", "at-least-once"]'}, Lines()
            )
        )
    told = "\n".join(engine_plan.explained("continuous.sensors", "quick", {}, Lines()))
    assert told.startswith("continuous.default.sensors: continuous ")
    assert "RLIMIT_DATA" in told
    assert "what it would run" in told


RATES = [812_000.0, 790_000.0, 830_000.0, 805_000.0, 821_000.0]


def _said(*stores: str) -> str:
    """What is said of three engines, each ten times as fast as the next, with their state in these stores."""
    cases = [
        made_up.trials(f"engine-{number}", [rate * 10**number for rate in RATES], store=store)
        for number, store in enumerate(stores)
    ]
    (comparison,) = compare(made_up.several(*cases))
    return speed(comparison)


def test_engines_are_ranked_only_among_those_that_keep_their_state_alike():
    said = _said("heap", "RocksDB", "RocksDB")
    assert "Of those with plain settings and their state in RocksDB: Fastest through the backlog was engine-2" in said
    assert "slowest was engine-1" in said
    assert "engine-0" not in said
    assert "Fastest" not in _said("heap", "RocksDB", "Arrow arrays")


def test_where_all_keep_their_state_alike_no_store_is_named():
    said = _said("heap", "heap", "heap")
    assert said.startswith("Fastest through the backlog was engine-2")
    assert "slowest was engine-0" in said


def test_settings_and_layout_are_part_of_what_must_agree():
    def row(**set_up: str) -> Row:
        return Row(tuple(made_up.pair("kay", set_up=SetUp(**set_up), store="heap")))

    assert row(settings="plain").kind == row().kind
    assert row(settings="recommended").kind != row().kind
    assert row(settings="plain", layout="one-process").kind != row(settings="plain", layout="process-per-task").kind


def test_a_row_and_its_table_say_how_the_engine_is_set():
    set_up = SetUp(settings="recommended", layout="process-per-task", options={"a.b": "1"})
    (row,) = compare(made_up.several(made_up.pair("kay", mode="fast", set_up=set_up, store="heap")))[0].rows
    assert row.name == f"kay (fast, recommended, process-per-task, options {set_up.digest})"


def test_each_at_its_own_interval_is_a_comparison_of_its_own():
    own = made_up.pair("kay", set_up=SetUp(own_interval=True))
    first, second = compare(made_up.several(made_up.pair("kay"), own))
    assert "own commit interval" not in first.title
    assert second.title.endswith("each at its own commit interval, exactly-once")
