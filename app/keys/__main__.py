"""``python -m app.keys NAME >> FILE``: make a key."""

from __future__ import annotations

import sys

from app.keys.lines import KeysError, generate, line


def main() -> None:
    """``python -m app.keys NAME``: the line on standard output, the key, this once, on standard error."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m app.keys NAME >> FILE")
    key = generate()
    try:
        written = line(sys.argv[1], key)
    except KeysError as error:
        sys.exit(f"poe2openai: {error}")
    sys.stdout.write(f"{written}\n")
    sys.stderr.write(f"The key of {sys.argv[1]}, which is shown only now:\n{key}\n")


if __name__ == "__main__":
    main()
