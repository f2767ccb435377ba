"""What Java threads do: stacks as `jfr print` tells them, and the share of JSON that a report shows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.host.flight_recording import FlightRecording, StackSamples, counted

PRINTED = """
jdk.ExecutionSample {
  startTime = 07:00:00.000
  sampledThread = "reader" (javaThreadId = 30)
  state = "STATE_RUNNABLE"
  stackTrace = [
    java.lang.StringLatin1.hashCode(byte[]) line: 10
    com.fasterxml.jackson.core.json.UTF8StreamJsonParser.nextToken() line: 20
    Application.take(Record) line: 30
  ]
}

jdk.ExecutionSample {
  sampledThread = "reader" (javaThreadId = 30)
  stackTrace = [
    java.util.HashMap.get(Object) line: 1
    Application.take(Record) line: 31
  ]
}

jdk.NativeMethodSample {
  sampledThread = "network" (javaThreadId = 31)
  stackTrace = [
    sun.nio.ch.EPoll.wait(int, long, int, int)
    com.fasterxml.jackson.core.Waits.never() line: 1
  ]
}

jdk.ExecutionSample {
  sampledThread = "Attach Listener" (javaThreadId = 33)
  stackTrace = [
    jdk.jfr.internal.JsonSettings.read() line: 1
  ]
}

jdk.ExecutionSample {
  sampledThread = "nothing" (javaThreadId = 32)
  stackTrace = N/A
}
"""

SPINNER = """
public class Spinner {
    public static void main(String[] arguments) throws Exception {
        System.out.println("on");
        JsonWork work = new JsonWork();
        long sum = 0;
        while (true) {
            sum += work.spin(sum);
        }
    }

    static class JsonWork {
        long spin(long sum) {
            for (int i = 0; i < 1_000_000; i++) {
                sum += Long.toString(i).hashCode();
            }
            return sum;
        }
    }
}
"""


def test_a_stack_counts_as_json_by_any_of_its_frames_and_a_wait_for_the_network_not_at_all():
    assert counted(PRINTED) == StackSamples(all=2, json=1)


@pytest.mark.parametrize(
    "frame",
    [
        "org.apache.flink.formats.json.JsonRowDataDeserializationSchema.deserialize(byte[])",
        "org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonFactory.createParser(byte[])",
        "org.apache.spark.sql.catalyst.json.JacksonParser.parse(Object)",
        "org.apache.spark.sql.catalyst.expressions.json.JsonToStructsEvaluator.evaluate(UTF8String)",
    ],
)
def test_json_is_known_by_the_names_of_every_engines_library(frame):
    one = f"jdk.ExecutionSample {{\n  stackTrace = [\n    {frame} line: 1\n  ]\n}}\n"
    assert counted(one) == StackSamples(1, 1)


def test_what_is_no_output_of_the_tool_has_no_samples():
    assert counted("") == counted("jdk.") == counted("Exception in thread\n") == StackSamples(0, 0)


def test_processes_that_are_no_jvm_are_not_recorded_and_that_is_said(tmp_path: Path):
    with FlightRecording([1], tmp_path, tmp_path) as recording:
        pass
    assert recording.samples == StackSamples(0, 0)
    assert recording.why == "no process of its workers is a JVM"


@pytest.mark.java
def test_a_real_jvm_is_recorded_and_nothing_of_that_is_left(tmp_path: Path):
    from harness.broker import JAVA
    from harness.provisioning.java import find_java

    home = find_java(JAVA).home
    (tmp_path / "Spinner.java").write_text(SPINNER)
    jvm = subprocess.Popen([home / "bin" / "java", "Spinner.java"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert jvm.stdout is not None
        assert jvm.stdout.readline() == "on\n"
        with FlightRecording([jvm.pid], home, tmp_path) as recording:
            for _ in range(5):
                subprocess.run(
                    [home / "bin" / "jcmd", str(jvm.pid), "VM.uptime"], check=True, capture_output=True, timeout=60
                )
        assert recording.why == ""
        assert recording.samples.all > 0
        # The compiler of the source file has run in the same process, and is done.
        assert recording.samples.json >= recording.samples.all / 2
        assert [path.name for path in tmp_path.iterdir()] == ["Spinner.java"]
        assert not Path(f"/tmp/.java_pid{jvm.pid}").exists()  # noqa: S108
    finally:
        jvm.kill()
        jvm.communicate()
