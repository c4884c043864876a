"""The tokenizer: o200k_base, with its vocabulary in the package (nothing is downloaded)."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import cast

from app.answer.tokens import Tokenizer

_MODULE = "bpe_openai._bindings"


@cache
def o200k() -> Tokenizer:
    """The process's o200k tokenizer; the first call loads it (about 0.1 s)."""
    module = sys.modules.get(_MODULE) or _load_bindings()
    return cast("Tokenizer", module.tokenizer_for_encoding("o200k_base"))


def _load_bindings() -> ModuleType:
    """Load only the compiled part of bpe-openai.

    Its Python part reads three vocabularies into dictionaries at import, which nobody here uses: half a
    second and 65 MB in each worker.
    """
    package = importlib.util.find_spec("bpe_openai")
    if package is None or not package.submodule_search_locations:
        raise ImportError("bpe-openai is not installed")
    folder = Path(package.submodule_search_locations[0])
    path = next(each for pattern in ("_bindings*.so", "_bindings*.pyd") for each in folder.glob(pattern))
    spec = importlib.util.spec_from_file_location(
        _MODULE, path, loader=ExtensionFileLoader(_MODULE, str(path))
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
