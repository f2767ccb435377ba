"""Runs the image's build steps in a bare Debian without a container engine, then a command as its container would.

    debootstrap --variant=minbase --include=ca-certificates bookworm ROOT
    python3 docker/rehearsal.py ROOT                    # the build steps, then the main job
    python3 docker/rehearsal.py --no-build ROOT doctor  # another command, in what was built before

ROOT becomes what the image holds. The command runs as the image's user, without a network, and can write to the
image's volumes and to /tmp only. It needs root and Linux. What it is no proof of: the base image, layers, the limits.
A build needs a ROOT in which nothing was built: files that the code has no longer would stay there.
Variables of the caller that name proxies and certificates reach the build steps, and so do the mirrors that pip, uv
and jgo are told of. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
DOCKERFILE = Path(__file__).with_name("Dockerfile")

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED = re.compile(r"(?i)((https?|no|all)_proxy|PIP_INDEX_URL|UV_DEFAULT_INDEX|.*(CERT|CA_BUNDLE)(_FILE|_DIR)?)")
"""Of the caller's environment, what the build steps get: how the network is reached here."""

_SHAPES = {"RUN", "COPY", "ENV", "WORKDIR", "USER", "VOLUME", "ENTRYPOINT", "CMD", "FROM", "LABEL", "HEALTHCHECK"}
_LISTS = {"VOLUME", "ENTRYPOINT", "CMD"}
"""Instructions that must be a JSON list here, so that no shell comes in between."""


@dataclass(frozen=True)
class Step:
    """An instruction of a Dockerfile, in capitals, and what stands behind it, with continued lines joined."""

    instruction: str
    text: str


@dataclass
class Image:
    """What the steps have said so far of how a container runs."""

    variables: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    folder: str = "/"
    user: str = "0:0"
    volumes: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


def steps(dockerfile: str) -> list[Step]:
    """The instructions in their order. Raises ValueError for one that this script does not know."""
    lines = [line for line in dockerfile.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = []
    for line in re.sub(r"\\\n", "", "\n".join(lines)).splitlines():
        instruction, _, text = line.strip().partition(" ")
        if instruction.upper() not in _SHAPES:
            raise ValueError(f"the instruction {instruction} is not known here; known are {', '.join(sorted(_SHAPES))}")
        found.append(Step(instruction.upper(), " ".join(text.split())))
    return found


def said(before: Image, step: Step) -> None:
    """Note in the image what a step says of how a container runs. Raises ValueError where it cannot be read."""
    if step.instruction == "ENV":
        pairs = [word.partition("=") for word in shlex.split(step.text)]
        if any(not equals for _, equals, _ in pairs):
            raise ValueError(f"ENV must be of the form NAME=VALUE: {step.text}")
        before.variables |= {name: value for name, _, value in pairs}
    elif step.instruction == "WORKDIR":
        before.folder = os.path.normpath(os.path.join(before.folder, step.text))  # noqa: PTH118 - in the root, not here
    elif step.instruction == "USER":
        before.user = step.text
    elif step.instruction in _LISTS:
        words = json.loads(step.text)
        if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
            raise ValueError(f"{step.instruction} must be a list of texts: {step.text}")
        name = {"VOLUME": "volumes", "ENTRYPOINT": "entrypoint", "CMD": "command"}[step.instruction]
        setattr(before, name, words)


def image_of(dockerfile: str) -> Image:
    """How a container of it runs."""
    image = Image()
    for step in steps(dockerfile):
        said(image, step)
    return image


def copied(text: str, folder: str, root: Path, context: Path = REPOSITORY) -> list[tuple[Path, Path]]:
    """The files and folders of a COPY, and where each goes in the root. As Docker has it: a folder's content is copied,
    not the folder. Raises ValueError for a source that is not there or is outside, or for options.
    """
    *sources, target = shlex.split(text)
    if not sources or any(word.startswith("--") for word in (*sources, target)):
        raise ValueError(f"COPY with options, or without a source, is not known here: {text}")
    into = root / os.path.normpath(os.path.join(folder, target)).lstrip("/")  # noqa: PTH118 - in the root, not here
    pairs = []
    for source in sources:
        path = (context / source).resolve()
        if not path.is_relative_to(context) or not path.exists():
            raise ValueError(f"COPY has a source that is not in the repository: {source}")
        pairs.append((path, into / path.name if path.is_file() and target.endswith("/") else into))
    return pairs


class StepFailed(Exception):
    """A build step ended with another exit code than zero; the text says which and how."""


def objection(root: Path, image: Image, building: bool) -> str:
    """Why this cannot be done in the root, and what can; empty where nothing is in the way."""
    if os.geteuid() != 0 or root == Path("/") or not (root / "etc" / "debian_version").exists():
        return "this needs root, and the folder of a Debian that is not this one (debootstrap)"
    program = root / image.entrypoint[0].lstrip("/")
    if building and program.exists():
        return (
            f"something was built in {root} before: {program} is there. "
            "A build needs a bare Debian, in a folder of its own (debootstrap); "
            "--no-build runs the command in what was built"
        )
    if not building and not program.exists():
        return f"nothing was built in {root}: {program} is not there. Leave --no-build out"
    return ""


def build(root: Path) -> None:
    """Run all build steps in the root. Raises StepFailed."""
    image = Image()
    passed = {name: value for name, value in os.environ.items() if _PASSED.fullmatch(name)}
    for step in steps(DOCKERFILE.read_text(encoding="utf-8")):
        said(image, step)
        sys.stderr.write(f"== {step.instruction} {step.text}\n")
        inside = root / image.folder.lstrip("/")
        if step.instruction == "WORKDIR":
            inside.mkdir(parents=True, exist_ok=True)
        elif step.instruction == "COPY":
            _copy(copied(step.text, image.folder, root))
        elif step.instruction == "RUN":
            for name in ("resolv.conf", "hosts"):  # As a container engine gives them.
                with suppress(FileNotFoundError):
                    shutil.copy(Path("/etc") / name, root / "etc" / name)
            # A PID namespace of its own: nothing that a step started outlives it.
            code = _unshared(root, image, ["/bin/sh", "-c", step.text], passed, "--pid")
            if code != 0:
                raise StepFailed(f"a build step ended with exit code {code}: {step.instruction} {step.text}")


def run(root: Path, words: Sequence[str]) -> int:
    """The exit code of the image's program with these words (none: its own), as a container of it would run it."""
    image = image_of(DOCKERFILE.read_text(encoding="utf-8"))
    command = [*image.entrypoint, *(words or image.command)]
    return _unshared(root, image, command, {}, "--pid", "--net")


def _copy(pairs: Sequence[tuple[Path, Path]]) -> None:
    for source, target in pairs:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)


def _unshared(root: Path, image: Image, command: Sequence[str], more: Mapping[str, str], *spaces: str) -> int:
    """The exit code of a command in the root, in namespaces of its own. Without a network the root can be read only."""
    closed = "--net" in spaces
    script = [
        "set -eu",
        # A mount point of its own, which can be made read-only.
        'root=$1; shift; mount --make-rprivate /; mount --bind "$root" "$root"',
        'mount -t proc proc "$root/proc"',
        'mount --rbind /sys "$root/sys"; mount --rbind /dev "$root/dev"; mount -t tmpfs -o mode=1777 tmp "$root/tmp"',
    ]
    if closed:
        script += [f'mount --bind "$root{volume}" "$root{volume}"' for volume in image.volumes]
        script += ['mount -o remount,bind,ro "$root"', "ip link set lo up"]
    user, _, group = image.user.partition(":")
    script.append(
        'exec chroot "$root" /usr/bin/setpriv --reuid "$user" --regid "$group" --clear-groups --no-new-privs '
        '/bin/sh -c \'cd "$0" && exec "$@"\' "$folder" "$@"'
    )
    set_up = [f"user={shlex.quote(user)}", f"group={shlex.quote(group or user)}", f"folder={shlex.quote(image.folder)}"]
    done = subprocess.run(
        [
            *("unshare", "--mount", "--fork", "--kill-child", *spaces),
            *("sh", "-c", "\n".join([*set_up, *script]), "sh", str(root), *command),
        ],
        env={**more, **image.variables, "HOME": "/work" if closed else "/root", "TERM": os.environ.get("TERM", "dumb")},
        check=False,
    )
    return done.returncode


def main() -> int:
    """The exit code of the command; 1 where a build step failed, 2 for a call that makes no sense."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", type=Path, metavar="ROOT", help="The folder of a bare Debian.")
    parser.add_argument("--no-build", action="store_true", help="Only run the command, in what was built before.")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="The command in place of the image's own.")
    given = parser.parse_args()
    root = given.root.resolve()
    image = image_of(DOCKERFILE.read_text(encoding="utf-8"))
    if why := objection(root, image, building=not given.no_build):
        sys.stderr.write(f"rehearsal: {why}\n")
        return 2
    try:
        if not given.no_build:
            build(root)
    except StepFailed as error:
        sys.stderr.write(f"rehearsal: {error}\n")
        return 1
    return run(root, given.words)


if __name__ == "__main__":
    sys.exit(main())
