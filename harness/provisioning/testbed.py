"""What ./test needs of the system: a JDK for the real engines, Chromium for the report."""

from __future__ import annotations

import shutil
import sys

from harness.problem import Problem
from harness.provisioning import java, system
from harness.provisioning.progress import Lines, ProgressReport


def ensure_chromium(report: ProgressReport) -> None:
    """Install Chromium where it is missing and we may; the tests that need it skip themselves without it."""
    if shutil.which("chromium") is None and system.may_install():
        system.install_first(["chromium"], "the report is tested in a browser", report)


def main() -> int:
    """0 with a JDK, else the exit code for what is missing; the reasons are printed."""
    report = Lines()
    try:
        ensure_chromium(report)
    except Problem as problem:
        report.step(problem.text("missing"))
    try:
        java.ensure_java(java.PREFERRED, report)
    except Problem as problem:
        report.step(problem.text("missing"))
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
