"""The start of a command of a user's, which says how the output is read."""

from __future__ import annotations

import os
import subprocess
from typing import IO

from engines.output_reading import Invocation
from harness.failure import TrialFailure


def begun(command: Invocation, what: str, stdin: int, stdout: int, stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """It runs in a session of its own, without a shell; its pipes are not buffered here. what: how it is called in what
    is said of it. Raises TrialFailure if it cannot be started.
    """
    try:
        return subprocess.Popen(
            command.words,
            bufsize=0,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, **command.env},
            cwd=command.folder,
            start_new_session=True,
        )
    except OSError as error:
        failed = f"{what} cannot be started: {error.strerror or error}: {command.words[0]}"
        raise TrialFailure(failed, command.folder, "correct it in the job file") from error
