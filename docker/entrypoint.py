"""The image's entry point: gives CONFIG_DIR to the service's user, then becomes it and the command.

Started as root it does both; started as anyone else (``user:``, ``--user``) it only runs the command.
The standard library alone is needed, and nothing of this stays in memory: the command takes its place.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path

USER_ID = 10001  # as in the Dockerfile
DEFAULT_FOLDER = "/data"
PROGRAM = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run the command given as arguments."""
    command = sys.argv[1:]
    if not command:
        sys.exit(_line("no command given"))
    os.environ["CONFIG_DIR"] = folder = os.environ.get("CONFIG_DIR") or DEFAULT_FOLDER
    if os.geteuid() == 0:
        _give(Path(folder), USER_ID)
        _become(USER_ID)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the point of it all
    except OSError as error:
        sys.exit(_line(f"{command[0]} cannot be run: {error.strerror}"))


def _give(folder: Path, owner: int) -> None:
    """Make ``owner`` the owner of ``folder`` and everything in it; the service says if it cannot write.

    Symbolic links are not followed, and no path is resolved twice: each folder is held open while its
    entries change owners, so that nobody can replace one by a link.
    """
    if PROGRAM.is_relative_to(folder.resolve()):
        _say(f"{folder} has the program in it and keeps its owner")
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        _say(f"{folder} cannot be given to user {owner}: {error.strerror}")
        return
    try:
        for path, folders, files, inside in os.fwalk(".", dir_fd=descriptor, onerror=_raise):
            for name in (*folders, *files):
                # A file may vanish meanwhile: another container may use the same volume.
                with contextlib.suppress(FileNotFoundError):
                    _change(name, owner, inside)
            if path == ".":
                _change(".", owner, inside)
    except OSError as error:
        _say(f"{folder} cannot be given to user {owner}: {error.strerror}")
    finally:
        os.close(descriptor)


def _change(name: str, owner: int, folder: int) -> None:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if (status.st_uid, status.st_gid) != (owner, owner):
        os.chown(name, owner, owner, dir_fd=folder, follow_symlinks=False)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _say(what: str) -> None:
    sys.stderr.write(_line(what, "warning") + "\n")


def _line(says: str, level: str = "error") -> str:
    """A line of the log, as text or JSON according to LOG_FORMAT."""
    message = f"entrypoint: {says}"
    if os.environ.get("LOG_FORMAT", "").strip().lower() != "json":
        return message
    moment = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    return json.dumps({"time": moment, "level": level, "pid": os.getpid(), "message": message})


def _become(user: int) -> None:
    """Give up root for good, including its groups and home."""
    try:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    except OSError as error:
        sys.exit(
            _line(
                f"cannot become user {user}: {error.strerror}. Leave the container the capabilities "
                f"SETUID and SETGID, or start it as that user (user: '{user}:{user}')."
            )
        )
    os.environ["HOME"] = "/nonexistent"


if __name__ == "__main__":
    main()
