# Sourced by ./bench and ./test: the checkout's Python environment, .venv.
# shellcheck shell=sh

# The first Python 3.11 to 3.14 on the PATH.
find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if "$candidate" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    {
        echo "error: there is no Python 3.11, 3.12, 3.13 or 3.14"
        echo "  on the PATH (python3 is $(python3 --version 2>/dev/null || echo "not there"))"
        if [ -e /etc/debian_version ]; then
            echo "  install one: apt-get install python3 python3-venv (Debian 12 has 3.11, Ubuntu 24.04 has 3.12, Debian 13 has 3.13)"
        else
            echo "  install Python 3.13 with its venv module and put it on the PATH"
        fi
    } >&2
    return 5
}

# environment_is_made ROOT bench|test: from these very lock files, at this very place. Takes a few milliseconds.
environment_is_made() {
    [ -x "$1/.venv/bin/python" ] &&
        { printf '%s\n' "$1" && cat "$1/uv.lock" "$1/pyproject.toml"; } | cmp -s - "$1/.venv/.made-for-$2"
}

# The program for `python -P -c`, with the arguments ROOT bench|test [COMMAND...]: makes the environment, then becomes
# the command. A PYTHONPATH would reach that, and a script's own folder would hide the standard library.
# shellcheck disable=SC2034
bootstrap='
import sys
sys.path.insert(0, sys.argv[1])
from harness.provisioning.bootstrap import main
sys.exit(main(*sys.argv[2:]))
'
