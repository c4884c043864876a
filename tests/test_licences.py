"""The licences of the gateway's components allow its use."""

from __future__ import annotations

from typing import Any

import pytest

from scripts import licences
from tests.gateway import ROOT


@pytest.mark.parametrize(("name", "licence"), licences.packages())
def test_the_licence_of_each_package_is_acceptable(name: str, licence: str) -> None:
    assert licences.is_accepted(licence), f"{name} is under {licence!r}"


def test_the_licence_of_each_library_of_the_panel_is_acceptable_and_there() -> None:
    found = licences.libraries()
    vendor = ROOT / "static" / "vendor"
    assert {file for file, *_ in found} == {path.name for path in vendor.glob("*.js")}
    for _, library, licence, text in found:
        assert licences.is_accepted(licence), library
        assert vendor.joinpath(text).stat().st_size > 500


def test_the_page_is_what_is_installed() -> None:
    assert ROOT.joinpath("docs", "licences.md").read_text(encoding="utf-8") == licences.page()


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": "MIT AND PSF-2.0"}, "MIT AND PSF-2.0"),
        ({"License": "Apache-2.0"}, "Apache-2.0"),
        ({"Classifier": ["License :: OSI Approved :: BSD License"]}, "BSD"),
        ({"Classifier": ["License :: OSI Approved :: GNU General Public License (GPL)"]}, None),
        ({}, None),
        ({"License-Expression": "MIT AND GPL-3.0-only"}, None),
        ({"License-Expression": "GPL-3.0-only OR MIT"}, "GPL-3.0-only OR MIT"),
    ],
)
def test_a_licence_is_read_and_judged(fields: dict[str, Any], licence: str | None) -> None:
    class Package(dict[str, Any]):
        def get_all(self, name: str, default: list[str]) -> list[str]:
            value = self.get(name, default)
            return value if isinstance(value, list) else [value]

    package: Any = Package(fields)
    assert isinstance(licences.licence(package), str)
    assert licences.is_accepted(licences.licence(package)) is (licence is not None)
    if licence is not None:
        assert licences.licence(package) == licence
