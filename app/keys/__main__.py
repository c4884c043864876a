"""``python -m app.keys NAME FILE``: make a key."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.keys.lines import KeysError, generate, line


def main() -> None:
    """Make a key for NAME. Its line is appended to FILE (or standard output), the key is shown on stderr."""
    if len(sys.argv) not in (2, 3) or sys.argv[1] in ("-h", "--help"):
        sys.exit("usage: python -m app.keys NAME FILE")
    name, *files = sys.argv[1:]
    key = generate()
    try:
        written = line(name, key)
        for path in files:
            _append(Path(path), written)
    except KeysError as error:
        sys.exit(f"poe2openai: {error}")
    except OSError as error:
        sys.exit(f"poe2openai: {error.filename} cannot be written: {error.strerror}")
    if not files:
        sys.stdout.write(f"{written}\n")
    sys.stderr.write(f"The key of {name}, which is shown only now:\n{key}\n")


def _append(path: Path, written: str) -> None:
    """Append a line to the file in one write; a new file is readable only by its owner."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        ends = file.read(1) in (b"", b"\n")
        file.write(f"{'' if ends else chr(10)}{written}\n".encode())


if __name__ == "__main__":
    main()
