"""Runs one property on inputs that a coverage-guided fuzzer (atheris) makes.

``python tests/fuzz/guided.py FILE::TEST [options of libFuzzer]``; only properties without fixtures.
"""

import importlib.util
import sys
from pathlib import Path

import atheris

PACKAGES = ["qrmiddleware", "qrmiddleware_rules", "qrmiddleware_rewrite_table"]


def main() -> None:
    """Fuzz until libFuzzer's own options end it."""
    file, _, name = sys.argv.pop(1).partition("::")
    path = Path(__file__).with_name(file)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        sys.exit(f"{path} is no file of tests")
    module = importlib.util.module_from_spec(spec)
    with atheris.instrument_imports(include=PACKAGES):
        spec.loader.exec_module(module)
    atheris.Setup(sys.argv, getattr(module, name).hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
