"""Values in a user's own format are decoded by the user's program: a line for each, in order, within bounds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from engines import proc
from engines.logs import connect
from engines.output_reading import Decoding, Invocation
from harness import decoder as decoders
from harness.decoder import DecodedReading, Decoder
from harness.failure import TrialFailure
from harness.id_reading import IdReading
from harness.instruments.channel import now_ns
from harness.instruments.collector import Follower, parted
from harness.output_source import OutputSource
from tests.waiting import wait_until
from workloads import each_once

WAIT_S = 60.0

READ = """
import json, struct, sys
while head := sys.stdin.buffer.read(4):
    value = sys.stdin.buffer.read(*struct.unpack(">I", head))
"""
SHOW = READ + "    print(json.dumps({'length': len(value), 'id': int.from_bytes(value[:8], 'big')}), flush=True)\n"


def eight(number: int) -> bytes:
    return number.to_bytes(8, "big")


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "decoder.log"
        self._made: list[Decoder] = []

    def decoding(self, code: str, prefixed: bool = False, words: tuple[str, ...] = ()) -> Decoding:
        command = Invocation(words or (sys.executable, "-I", "-c", code), {"TOLD": "x"}, str(self.folder))
        return Decoding(command, prefixed)

    def decoder(self, code: str = SHOW, prefixed: bool = False, **changes: Any) -> Decoder:
        made = Decoder(self.decoding(code, prefixed, changes.pop("words", ())), self.log, **changes)
        self._made.append(made)
        return made

    def close(self) -> None:
        for made in self._made:
            made.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.close()


def test_each_value_has_a_line_in_order_however_many_and_large(stage: Stage) -> None:
    values = [eight(number) for number in range(3_500)]
    values[7] = eight(7) + b"\n" * 300_000
    values[9] = b""
    told = [json.loads(line) for line in stage.decoder()(values)]
    expected = [{"length": 8, "id": number} for number in range(3_500)]
    expected[7]["length"], expected[9] = 300_008, {"length": 0, "id": 0}
    assert told == expected


def test_one_program_decodes_all_that_comes(stage: Stage) -> None:
    code = "import os\n" + READ + "    print(os.getpid(), flush=True)\n"
    made = stage.decoder(code)
    assert made([]) == []
    assert made([b"1"]) == made([b"2"])


def test_the_prefix_of_a_schema_registry_is_taken_off(stage: Stage) -> None:
    made = stage.decoder(prefixed=True)
    first, second, short, none = made([b"\0\0\0\0\x07" + eight(12), b"\x01" + eight(5), b"\0\0", None])
    assert json.loads(first) == {"length": 8, "id": 12}
    assert second == b"no schema registry's prefix before: 010000000000000005"
    assert short.startswith(b"no schema registry's prefix")
    assert none == b"no value"


def test_without_a_prefix_the_decoder_is_given_all(stage: Stage) -> None:
    (line,) = stage.decoder()([b"\0\0\0\0\x07" + eight(12)])
    assert json.loads(line)["length"] == 13


def test_a_line_of_windows_is_a_line(stage: Stage) -> None:
    code = READ + "    sys.stdout.write('null' + chr(13) + chr(10)); sys.stdout.flush()\n"
    assert stage.decoder(code)([b"1"]) == [b"null"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('no schema')", r"(?s)ended with exit code 1; its last lines:\nno schema"),
        (READ + "    sys.exit('bad value')\n", r"(?s)ended with exit code 1.*bad value"),
        (READ + "    print(1)\n    print(2, flush=True)\n", "more than one line for a value|not asked for"),
        ("print(0, flush=True)\n" + SHOW, "more than one line for a value|not asked for"),
        (READ + "    print('x' * 3000, flush=True)\n", "printed a line of more than 1,000 bytes"),
        ("import os, time; os.close(1); time.sleep(600)", "closed its output"),
    ],
)
def test_a_decoder_that_keeps_no_contract_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    monkeypatch.setattr(decoders, "_END_S", 0.5)
    made = stage.decoder(code, most_line=1_000)
    with pytest.raises(TrialFailure, match=said):
        made([eight(1), eight(2)])
        made([eight(3)])
        made.finish()


@pytest.mark.parametrize("code", [READ + "    print(value)\n", "import time; time.sleep(600)"])
def test_a_decoder_that_holds_its_lines_back_is_not_waited_for_without_end(stage: Stage, code: str) -> None:
    made = stage.decoder(code, decode_s=1.0)
    with pytest.raises(TrialFailure, match=r"answered 0 of 1 values within 1 s"):
        made([b"1"])


def test_a_decoder_that_is_not_there_is_named(stage: Stage) -> None:
    with pytest.raises(TrialFailure, match=r"cannot be started.*no-such-program"):
        stage.decoder(words=("no-such-program",))([b"1"])


def test_its_complaints_are_in_its_log(stage: Stage) -> None:
    code = READ + "    print('odd', file=sys.stderr, flush=True); print('null', flush=True)\n"
    assert stage.decoder(code)([b"1"]) == [b"null"]
    assert stage.log.read_text() == "odd\n"


LEAVES = """
import subprocess, sys
left = subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(600)"], start_new_session=True)
while True:
    head = sys.stdin.buffer.read(4)
    if head:
        sys.stdin.buffer.read(int.from_bytes(head, "big"))
        print(left.pid, flush=True)
"""


def test_a_decoder_that_does_not_end_is_killed_with_what_it_started(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoders, "_END_S", 0.2)
    made = stage.decoder(LEAVES)
    left = int(made([b"1"])[0])
    assert proc.runs(left)
    made.close()
    made.close()
    until_gone(left)
    with pytest.raises(TrialFailure, match="after the decoder was ended"):
        made([b"1"])


def until_gone(pid: int) -> None:
    wait_until(lambda: not proc.runs(pid), WAIT_S, f"the end of process {pid}")


# What is made of it.


class Reversed:
    """Stands for a decoder."""

    def __init__(self) -> None:
        self.at_ns: list[int] = []

    def __call__(self, values: Sequence[bytes | None]) -> list[bytes]:
        self.at_ns.append(now_ns())
        return [(value or b"")[::-1] for value in values]


def reading(decoder: Callable[[Sequence[bytes | None]], list[bytes]], ids: IdReading | None = None) -> DecodedReading:
    return DecodedReading(decoder, ids)  # type: ignore[arg-type]  # a decoder is what is called so


def test_what_is_decoded_may_tell_an_id_alone(stage: Stage) -> None:
    ids = IdReading("value", "id", 7, 3)
    (row,) = reading(stage.decoder(), ids).of_values([eight(12)])
    assert json.loads(row)["key"] == each_once.labels(7)[12 % 7]


def test_the_time_of_a_row_is_taken_before_it_is_decoded(tmp_path: Path) -> None:
    log, decoder = connect(str(tmp_path), "embedded"), Reversed()
    log.create("out", 1)
    writer = log.writer("out")
    writer.write(0, [b"k"], [b"}{"])
    writer.flush(WAIT_S)
    writer.close()
    follower = Follower(log, "out", 1, reading(decoder))
    visible_ns, chunks = follower.poll()
    assert [list(chunk.values) for chunk in chunks] == [[b"{}"]]
    assert visible_ns <= decoder.at_ns[0]
    follower.close()
    log.close()


def test_a_log_without_values_of_its_own_is_refused(tmp_path: Path, stage: Stage) -> None:

    log = connect(str(tmp_path), "embedded")
    with ExitStack() as until, pytest.raises(TrialFailure, match="could be decoded"):
        OutputSource("out", decoding=stage.decoding(SHOW)).attach([None, log], tmp_path, until)
    log.close()


def test_the_collector_of_an_output_is_told_all_of_it(stage: Stage) -> None:
    command = Invocation(("a", "b"), {"X": "1"}, "/x")
    plain = OutputSource("out")
    assert (plain.module, plain.setup) == ("harness.instruments.collector", {"topic": "out", "ids": None})
    polled = OutputSource("out", IdReading("value", "id", 7, 3), command)
    assert polled.module == "harness.instruments.polled_collector"
    assert polled.setup["command"] == {"words": ["a", "b"], "env": {"X": "1"}, "folder": "/x"}
    decoded = OutputSource("out", decoding=stage.decoding(SHOW, prefixed=True))
    assert decoded.module == "harness.instruments.collector"
    assert decoded.setup["decoding"]["prefixed"] is True
    assert json.loads(json.dumps(polled.setup | decoded.setup))


def test_a_record_without_a_value_is_a_row_that_the_judge_will_read() -> None:
    assert parted([None, b'{"key": "~close-1"}', b"{}", b'"~close-']) == (2, [{"key": "~close-1"}])
