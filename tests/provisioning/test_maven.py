"""Files come from the repository that the user named, whole or not at all."""

from __future__ import annotations

import gc
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.problem import Problem
from harness.provisioning import maven

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # jgo leaves a refused answer open.


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A Maven repository over HTTP on loopback, named in jgo's settings; answers by path, after `refusals` refusals."""
    answers: dict[str, bytes] = {}
    refusals = [0]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.get(self.path) if refusals[0] == 0 else None
            refusals[0] = max(0, refusals[0] - 1)
            self.send_response(200 if content is not None else 404)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *args: object) -> None:
            """Quiet."""

    settings = tmp_path / "jgo.conf"
    monkeypatch.setenv("JGO_CONFIG_FILE", str(settings))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setattr(maven, "_PAUSE_S", 0.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        settings.write_text(f"[repositories]\ncentral = http://127.0.0.1:{http.server_port}\n")
        thread = threading.Thread(target=http.serve_forever, args=(0.02,))
        thread.start()
        yield SimpleNamespace(answers=answers, refusals=refusals)
        http.shutdown()
        thread.join()
    gc.collect()


def test_a_file_is_fetched_from_the_users_mirror_and_again_if_it_failed(tmp_path: Path, server):
    server.answers["/org/example/one/1.0/one-1.0.jar"] = b"x" * 20_000
    server.refusals[0] = 2
    seen: list[int] = []
    path = maven.fetch("org.example:one:1.0", tmp_path / "scratch", seen.append)
    assert path.read_bytes() == b"x" * 20_000
    assert seen[-1] == 20_000
    assert seen == sorted(seen)
    assert maven.local_copy("org.example:one:1.0") == tmp_path / "m2/org/example/one/1.0/one-1.0.jar"


def test_a_file_that_cannot_be_had_is_named_with_what_to_see_to(tmp_path: Path, server):
    with pytest.raises(Problem, match=r"org\.example:one:1\.0 cannot be fetched") as caught:
        maven.fetch("org.example:one:1.0", tmp_path / "scratch")
    assert "jgo.conf" in caught.value.remedy
