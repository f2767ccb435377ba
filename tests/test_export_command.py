"""The command `export`: what it prints and writes, how it ends, and the tables that it makes of histories."""

from __future__ import annotations

import json
import lzma
import pickle
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from harness.cli import _FORMATS
from reports import exports
from reports.exports.export import Export
from tests.judge.recording import perfect
from tests.playback import Bench, set_up

TITLE = "sensors on Kafka, exactly-once"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A command line with one run that was made up."""
    made_bench = set_up(tmp_path, monkeypatch, pickle.dumps(perfect()))
    assert made_bench("run", "mine.toml", "-e", "alpha", "--no-progress") == 0
    return made_bench


def test_the_help_names_the_formats_that_exist() -> None:
    assert sorted(_FORMATS.rstrip(".").replace(" or ", ", ").split(", ")) == sorted(exports.discover())
    assert all(isinstance(found, Export) for found in exports.discover().values())


def test_the_command_prints_what_a_tool_reads_and_says_beside_it_what_was_left_out(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert bench("export", "--to", "bencher") == 0
    out, err = capsys.readouterr()
    measures = json.loads(out)[f"{TITLE}: alpha, paced"]
    assert measures["latency-p50-s"]["value"] == pytest.approx(0.25)
    assert f"left out: {TITLE}: alpha, drain: drain_rate, events_per_cpu_second: in brackets: " in err
    assert bench("export", "latest", "--to", "csv", "-o", "out.csv") == 0
    assert capsys.readouterr().out == "out.csv\n"
    assert Path("out.csv").read_text().startswith("question,row,")


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        ("drain_rate", "alpha, drain: drain_rate: in brackets: the engine is not known to have been warm"),
        ("recovery_caught_up", "alpha: recovery_caught_up: absent: it was not measured"),
    ],
)
def test_nothing_to_export_is_no_green_light(
    bench: Bench, capsys: pytest.CaptureFixture[str], metric: str, why: str
) -> None:
    assert bench("export", "latest", "--to", "bencher", "--metric", metric, "-o", "out.json") == 6
    error = capsys.readouterr().err
    assert f"left out: {TITLE}: {why}" in error
    assert "error: no figure can be exported" in error
    assert not Path("out.json").exists()


def test_a_run_of_which_nothing_ran_ends_as_the_run_did(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    stored = json.loads((bench.run / "result.json").read_text())
    for outcome, code in (("unavailable", 5), ("fail", 3), ("unknown", 4)):
        cases = [case | {"outcome": outcome, "reason": "why so"} for case in stored["cases"]]
        (bench.run / "result.json").write_text(json.dumps(stored | {"cases": cases}))
        assert bench("export", "latest", "--to", "bencher", "--bracketed") == code
        assert f"every figure: the outcome is {outcome}: why so" in capsys.readouterr().err
        assert bench("export", "latest", "--to", "csv") == 0
        assert "why so" in capsys.readouterr().out
    (bench.run / "result.json").write_text(json.dumps(stored | {"cases": []}))
    assert bench("export", "latest", "--to", "bencher") == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "xml"], "there is no format 'xml'"),
        (["--to", "csv", "--metric", "speed"], "there is no metric 'speed'"),
        (["--to", "parquet"], "this format is several files"),
    ],
)
def test_what_cannot_be_exported_is_said_with_what_to_do(
    bench: Bench, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert bench("export", "latest", *words) == 2
    error = capsys.readouterr().err
    assert f"error: {said}" in error
    assert len(error.splitlines()) == 3


def test_an_export_that_cannot_be_written_is_said(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    assert bench("export", "latest", "--to", "csv", "-o", "file/out.csv") == 5
    assert bench("export", "latest", "--to", "parquet", "-o", "file") == 5
    assert capsys.readouterr().err.count("the export cannot be written") == 2


def test_the_tables_hold_every_case_metric_series_result_and_sample(bench: Bench) -> None:
    assert bench("export", "latest", "--to", "parquet", "-o", "tables") == 0
    tables = {path.stem: pq.read_table(path) for path in Path("tables").glob("*.parquet")}
    run = json.loads((bench.run / "result.json").read_text())
    assert sorted(tables) == ["cases", "metrics", "probes", "rows", "samples", "series", "strikes", "thresholds"]
    assert tables["cases"]["outcome"].to_pylist() == ["pass", "pass"]
    assert tables["cases"]["delivery_seen"].to_pylist() == ["exact", "exact"]
    assert tables["cases"]["match"].to_pylist() == [case["verdict"]["match"] for case in run["cases"]]
    assert len(tables["metrics"]) == sum(len({**case["metrics"], **case["absent"]}) for case in run["cases"])
    assert len(tables["series"]) == sum(len(each["x"]) for case in run["cases"] for each in case["series"])
    assert json.loads(Path("tables/run.json").read_text())["lacking"] == []
    paced, rows = run["cases"][0]["metrics"], tables["rows"].to_pydict()
    assert len(rows["latency_s"]) == paced["latency_p50"]["n"]
    ordered = sorted(rows["latency_s"])
    assert ordered[len(ordered) // 2 - 1] * 1000 == pytest.approx(paced["latency_p50"]["value"])
    assert max(ordered) * 1000 == pytest.approx(paced["latency_max"]["value"])
    assert min(rows["end"]) > min(rows["start"])
    assert set(tables["samples"]["role"].to_pylist()) >= {"worker"}
    assert min(tables["samples"]["at_s"].to_pylist()) < max(rows["visible_s"])


def test_a_history_that_is_not_there_or_is_damaged_lacks_its_tables_and_says_so(bench: Bench) -> None:
    (trial,) = (bench.run / "cases").iterdir()
    (trial / "marks.jsonl").write_bytes(b"{}\n{}\n")
    assert bench("export", "latest", "--to", "parquet", "-o", "tables") == 0
    lacking = json.loads(Path("tables/run.json").read_text())["lacking"]
    assert [line.partition(": damaged history")[0] for line in lacking] == [
        "alpha.default.sensors: no rows",
        "alpha.default.sensors: no samples",
    ]
    assert len(pq.read_table("tables/rows.parquet")) == 0
    (trial / "marks.jsonl").write_bytes(b"")
    (trial / "trial.json").write_text(
        (trial / "trial.json").read_text().replace('"method_version":', '"method_version":9')
    )
    assert bench("export", "latest", "--to", "parquet", "-o", "tables") == 0
    assert all(
        "recorded by method version 9" in line for line in json.loads(Path("tables/run.json").read_text())["lacking"]
    )
    # What vouches for the tables is the last that is written, and goes first.
    Path("tables/cases.parquet").unlink()
    Path("tables/cases.parquet").mkdir()
    assert bench("export", "latest", "--to", "parquet", "-o", "tables") == 5
    assert not Path("tables/run.json").exists()
    Path("tables/cases.parquet").rmdir()
    trial.rename(bench.run / "elsewhere")
    trial.symlink_to(bench.run / "elsewhere")
    assert bench("export", "latest", "--to", "parquet", "-o", "tables") == 0
    lacking = json.loads(Path("tables/run.json").read_text())["lacking"]
    assert all(line.endswith("is a symbolic link, and no folder, and is not followed") for line in lacking)


def test_of_a_trial_without_a_verdict_there_are_samples_and_no_rows(bench: Bench) -> None:
    stored = json.loads((bench.run / "result.json").read_text())
    cases = [case | {"outcome": "unknown", "reason": "a worker died"} for case in stored["cases"]]
    (bench.run / "result.json").write_text(json.dumps(stored | {"cases": cases}))
    assert bench("export", "latest", "--to", "parquet", "-o", "tables") == 0
    assert pq.read_table("tables/samples.parquet").num_rows > 0
    assert pq.read_table("tables/rows.parquet").num_rows == 0
    assert json.loads(Path("tables/run.json").read_text())["lacking"] == [
        "alpha.default.sensors: no rows: the outcome is unknown: a worker died"
    ]


def test_a_history_that_breaks_the_reader_lacks_its_rows_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr("results.frames.examine", crash)
    assert bench("export", "latest", "--to", "parquet", "-o", "tables") == 0
    assert json.loads(Path("tables/run.json").read_text())["lacking"] == [
        "alpha.default.sensors: no rows: it cannot be read: ZeroDivisionError: by chance"
    ]
    assert pq.read_table("tables/metrics.parquet").num_rows > 0


def test_a_result_by_itself_is_exported_too_and_what_it_lacks_is_said(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (bench.run / "result.json").read_bytes()
    Path("kept.json.xz").write_bytes(lzma.compress(content))
    Path("kept.json").write_bytes(content)
    capsys.readouterr()
    for source in ("kept.json", "kept.json.xz", "latest"):
        assert bench("export", source, "--to", "bencher") == 0
    first, *others = capsys.readouterr().out.split("\n}\n")[:3]
    assert others == [first, first]
    assert bench("export", "kept.json.xz", "--to", "parquet", "-o", "tables") == 0
    assert len(json.loads(Path("tables/run.json").read_text())["lacking"]) == 2


def test_thresholds_are_in_the_report_for_ci_and_in_the_tables(bench: Bench) -> None:
    bounds = ["--threshold", "p50 < 1ms", "--threshold", "drain_rate > 1", "--threshold", "p99 < 10s"]
    assert bench("run", "mine.toml", "-e", "alpha", "--no-progress", *bounds) == 1
    assert bench("export", "latest", "--to", "junit", "-o", "out.xml") == 0
    (suite,) = ElementTree.parse("out.xml").getroot()  # noqa: S314  # we made it
    ended = {case.get("name"): [child.tag for child in case if child.tag != "properties"] for case in suite}
    assert ended == {
        "alpha": [],
        "alpha: p50 < 1ms": ["failure"],
        "alpha: drain_rate > 1": ["skipped"],  # The figure stands in brackets.
        "alpha: p99 < 10s": [],
    }
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    assert bench("export", "latest", "--to", "parquet", "-o", "tables") == 0
    table = pq.read_table("tables/thresholds.parquet").to_pydict()
    assert dict(zip(table["text"], table["state"], strict=True)) == {
        "p50 < 1ms": "crossed",
        "drain_rate > 1": "undecided",
        "p99 < 10s": "met",
    }
