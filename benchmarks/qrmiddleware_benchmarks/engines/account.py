"""The account that engines run under: ours, or ``nobody`` where ours is root."""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def account() -> tuple[int, int] | None:
    """Return user and group to run engines under, or ``None`` if ours will do."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def hand_over(folder: Path) -> None:
    """Give a folder and all in it to the engines' account."""
    owner = account()
    if owner is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, *owner, follow_symlinks=False)


def spawn(
    command: Sequence[str], *, env: Mapping[str, str], output: Path
) -> subprocess.Popen[bytes]:
    """Start a program under the engines' account, in a process group of its own.

    Args:
        command: The program and its arguments.
        env: What is set beside the environment of this process.
        output: The file that what it prints is appended to.
    """
    user, group = account() or (None, None)
    with output.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the arguments are ours
            command,
            env={**os.environ, **env},
            cwd=output.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )


def run(
    command: Sequence[str], *, env: Mapping[str, str], text: str
) -> subprocess.CompletedProcess[str]:
    """Run a program under the engines' account to its end, with a text on its input."""
    user, group = account() or (None, None)
    return subprocess.run(  # noqa: S603 - the arguments are ours
        command,
        env={**os.environ, **env},
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )
