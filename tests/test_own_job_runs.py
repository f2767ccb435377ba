"""Programs of others, run over a real broker: an honest one passes, one that claims too much is convicted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness import cli
from harness.problem import ExitCode
from results import store
from results.plan import POLLED
from tests.job_files import EXAMPLES

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("own-jobs")]


def checked(file: Path, tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = cli.execute(["job", "check", str(file), "--kafka", broker, "--out", str(tmp_path / "runs")])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("name", ["pipe-exactly-once", "pipe-at-least-once", "fees"])
def test_an_honest_program_passes_its_check(
    name: str, tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = checked(EXAMPLES / f"{name}.toml", tmp_path, broker, capsys)
    assert code == ExitCode.GOOD, told
    assert "✓ answers right" in told
    assert "✓ survives a kill" in told


def test_a_program_that_commits_before_it_writes_is_convicted(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # It is away between commit and write for most of the time, so that four kills cannot all fall elsewhere.
    shutil.copy(EXAMPLES / "pipe-careless.toml", tmp_path)
    program = (EXAMPLES / "pipe.py").read_text()
    (tmp_path / "pipe.py").write_text(
        program.replace("time.sleep(self.interval_s / 2)", "time.sleep(3 * self.interval_s)")
    )
    assert (tmp_path / "pipe.py").read_text() != program
    words = ["run", "strike", "--job", str(tmp_path / "pipe-careless.toml"), "--kafka", broker]
    values = ["paced.warmup=3s", "paced.measured=75s", "faults.exposed=4", "faults.most=5", "faults.timeouts=tuned"]
    settings = [word for value in values for word in ("--set", value)]
    code = cli.execute([*words, *settings, "--out", str(tmp_path / "runs"), "--no-progress"])
    told = capsys.readouterr().out
    assert code == ExitCode.WRONG_RESULTS, told
    assert "loss" in told


def test_a_program_that_commits_before_it_writes_does_not_pass_its_check(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kill falls right after a commit, so that it is not by luck that something is lost."""
    code, told = checked(EXAMPLES / "pipe-careless.toml", tmp_path, broker, capsys)
    assert code == ExitCode.WRONG_RESULTS, told
    assert "✓ answers right" in told
    assert "✗ survives a kill: no." in told
    assert "loss" in told


def test_a_program_that_claims_exactly_once_and_writes_again_is_convicted(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(EXAMPLES / "pipe.py", tmp_path)
    honest = (EXAMPLES / "pipe-at-least-once.toml").read_text()
    claim = 'delivery = "at-least-once"'
    assert claim in honest
    file = tmp_path / "bold.toml"
    file.write_text(honest.replace(claim, 'delivery = "exactly-once"'))
    out = str(tmp_path / "runs")
    code = cli.execute(["run", "ci", "--job", str(file), "--kafka", broker, "--out", out, "--no-progress"])
    told = capsys.readouterr().out
    assert code == ExitCode.WRONG_RESULTS, told
    assert "duplicate" in told


SINK = """
import json, os, signal
from confluent_kafka import Consumer
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
out = os.open(os.environ["OUT"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
consumer = Consumer({
    "bootstrap.servers": os.environ["BROKERS"], "group.id": os.environ["GROUP"], "enable.auto.commit": False,
    "auto.offset.reset": "earliest", "isolation.level": "read_committed", "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 2000,
})
consumer.subscribe([os.environ["IN"]])
while not stop:
    read = [message for message in consumer.consume(500, 0.2) if message.error() is None]
    told = [json.dumps({"id": json.loads(message.value())["id"]}) for message in read]
    if told:
        # In one call, so that no line is ever there in part.
        os.write(out, "".join(f"{line}\\n" for line in told).encode())
        consumer.commit(asynchronous=False)
consumer.close()
"""

INTO_A_FILE = """
schema_version = 1
[worker]
command = ["{python}", "sink.py"]
count = 1
env = { BROKERS = "{bootstrap}", IN = "{input}", OUT = "{output}.rows", GROUP = "{group}" }
[output]
command = ["cat", "{output}.rows"]
[job]
claims = { processing = "exactly-once", delivery = "at-least-once" }
ready = { group = "{group}" }
progress = { group = "{group}" }
answer = { each_once = "value:id" }
"""


def test_a_sink_into_a_file_is_checked_by_what_a_command_prints(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no file at first, so that the command fails until there is."""
    file = tmp_path / "into-a-file.toml"
    file.write_text(INTO_A_FILE)
    (tmp_path / "sink.py").write_text(SINK)
    code, told = checked(file, tmp_path, broker, capsys)
    assert code == ExitCode.GOOD, told
    assert "✓ answers right" in told
    assert "✓ survives a kill" in told
    cases = [store.judge_again(folder).cases[0] for folder in sorted((tmp_path / "runs").iterdir())]
    assert len(cases) == 2
    for case in cases:
        assert POLLED in case.notes
        assert not any("latency" in name for name in case.metrics)
        assert case.absent["latency_p50"] == f"none: {POLLED}"
    (strike,) = cases[1].strikes
    assert (strike.state, strike.aim) == ("confirmed", "right after a commit")
    assert (strike.first_output_s, strike.caught_up_s) == (None, None)


def test_values_of_another_format_are_decoded(tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The id in eight bytes behind a schema registry's prefix."""
    pipe = (EXAMPLES / "pipe.py").read_text()
    written = 'self.producer.produce(self.output, message.value(), message.key(), headers={"sg-id": identity})'
    assert written in pipe
    value = "b'\\0\\0\\0\\0\\x07' + int(identity).to_bytes(8, 'big')"
    (tmp_path / "pipe.py").write_text(
        pipe.replace(written, f"self.producer.produce(self.output, {value}, message.key())")
    )
    (tmp_path / "decode.py").write_text(DECODE)
    text = (EXAMPLES / "pipe-at-least-once.toml").read_text().replace("header:sg-id", "value:id")
    table = '[output]\ndecoder = ["{python}", "decode.py"]\nprefix = "schema-registry"\n\n[job]'
    file = tmp_path / "binary.toml"
    file.write_text(text.replace("[job]", table))
    code, told = checked(file, tmp_path, broker, capsys)
    assert code == ExitCode.GOOD, told
    assert "✓ answers right" in told
    assert "✓ survives a kill" in told


DECODE = """
import json, struct, sys

while head := sys.stdin.buffer.read(4):
    value = sys.stdin.buffer.read(*struct.unpack(">I", head))
    print(json.dumps({"id": int.from_bytes(value, "big")}), flush=True)
"""


def test_a_program_that_writes_nothing_is_said_to_answer_nothing(
    tmp_path: Path, broker: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.trial.PATIENCE_S", 3.0)
    file = tmp_path / "idle.toml"
    text = (EXAMPLES / "pipe-at-least-once.toml").read_text()
    idle = "import time; print('idle', flush=True); time.sleep(600)"
    text = text.replace('"pipe.py", "at-least-once"', f'"-c", "{idle}"').replace(
        'group = "{group}" }\nprogress', 'line = "idle" }\nprogress'
    )
    # Progress of a group would be waited for before anything is asked.
    file.write_text(re.sub(r"\nprogress = .*", "", text))
    code, told = checked(file, tmp_path, broker, capsys)
    assert code == ExitCode.UNFINISHED, told
    assert "✗ answers right: no." in told
    assert "first answer" in told, told
    assert "its logs:" in told
