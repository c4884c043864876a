"""Writes docs/licences.md from the metadata of what is installed and the list of the panel's libraries."""

import re
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
# Permissive, or like MPL and ZPL without a word on what is only used beside them.
ACCEPTED = frozenset(
    (
        "MIT", "MIT-0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "MPL-2.0", "PSF-2.0",
        "CNRI-Python", "ZPL-2.1", "0BSD", "Unlicense",
    )
)  # fmt: skip
# For packages whose metadata does not use SPDX yet.
_SPDX = {
    "MIT License": "MIT",
    "BSD License": "BSD",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "ISC License (ISCL)": "ISC",
}
# That of the image.
_ENVIRONMENT = {
    "python_version": "3.13",
    "python_full_version": "3.13.0",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
}
_PINNED = re.compile(r"^([A-Za-z0-9][^\\\n]*)", re.MULTILINE)
_VENDORED = re.compile(
    r"^\| `([^`]+\.js)` \| ([^|]+) \| [^|]+ \| [^|]+ \| ([^,|]+), `([^`]+)` \|$", re.MULTILINE
)

PAGE = """# Licences

poe2openai is under the [MIT licence](../LICENSE). What it is made of, this page lists; it is written by
`make docs`, and a test holds that nothing here needs more than to be named.

## Packages

What `requirements.txt` has the image install. Each brings its licence's text with it, in its `.dist-info`.

| package | licence |
|---|---|
{packages}

## Libraries of the panel

They are in [static/vendor](../static/vendor/README.md), with their licences' texts.

| file | library | licence |
|---|---|---|
{libraries}
"""


def packages() -> list[tuple[str, str]]:
    """The names of the packages in the image, and their licences."""
    pinned = map(Requirement, _PINNED.findall(ROOT.joinpath("requirements.txt").read_text(encoding="utf-8")))
    names = [each.name for each in pinned if each.marker is None or each.marker.evaluate(_ENVIRONMENT)]
    return [(name, licence(metadata(name))) for name in names]


def licence(package: PackageMetadata) -> str:
    """A package's licence as an SPDX expression, as far as its metadata says."""
    classifiers = [each.split(" :: ")[-1] for each in package.get_all("Classifier", []) if "License" in each]
    fields = [*package.get_all("License-Expression", []), *package.get_all("License", [])]
    said = fields[0] if fields else " AND ".join(sorted(classifiers))
    return _SPDX.get(said, said)


def libraries() -> list[tuple[str, str, str, str]]:
    """The panel's vendored files: name, library, licence, and the file with that licence's text."""
    return _VENDORED.findall(ROOT.joinpath("static", "vendor", "README.md").read_text(encoding="utf-8"))


def is_accepted(expression: str) -> bool:
    """Whether one of an expression's alternatives has only accepted licences."""
    alternatives = [alternative.split(" AND ") for alternative in expression.split(" OR ")]
    return any(ACCEPTED.issuperset(each) for each in alternatives)


def page() -> str:
    """The whole page."""
    return PAGE.format(
        packages="\n".join(f"| {name} | {licence} |" for name, licence in packages()),
        libraries="\n".join(
            f"| `{file}` | {library} | {licence} |" for file, library, licence, _ in libraries()
        ),
    )


if __name__ == "__main__":
    ROOT.joinpath("docs", "licences.md").write_text(page(), encoding="utf-8")
