"""What the code must not do: unpickle, evaluate, load YAML or weights unsafely."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from qrmiddleware.config.load import SECRETS
from qrmiddleware.config.settings import AdminSettings, ListenSettings, Settings

ROOT = Path(__file__).parents[2]
PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
"""Modules that run what they read."""
OFF_THE_PATH = ("distill", "recipes", "evaluation", "demo", "testing", "cli", "commands", "tests")
"""Folders of what never serves a search."""
UNSAFE = {
    "eval": "", "exec": "", "torch.load": "weights_only",
    "yaml.load": "Loader", "yaml.unsafe_load": "", "yaml.full_load": "", "os.system": "",
    "pickle.load": "", "pickle.loads": "", "pd.read_pickle": "", "pandas.read_pickle": "",
}  # fmt: skip
"""Calls, and the argument that makes one safe."""
UNSAFE_OPTIONS = {"allow_pickle", "shell", "trust_remote_code"}


def sources() -> list[Path]:
    listing = ["git", "ls-files", "*.py"]
    names = subprocess.check_output(listing, cwd=ROOT, text=True).split()
    paths = [ROOT / name for name in names if "tests" not in Path(name).parts]
    return [path for path in paths if path.is_file()]


def serves(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    first_party = parts[0] in {"qrmiddleware", "plugins"}
    return first_party and not set(OFF_THE_PATH) & {Path(part).stem for part in parts}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def unsafe_calls(path: Path, root: Path = ROOT) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {word.arg for word in node.keywords if ast.unparse(word.value) != "False"}
        if UNSAFE_OPTIONS & given or (name in UNSAFE and UNSAFE[name] not in given):
            yield f"{path.relative_to(root)}:{node.lineno}: {name}"


def test_the_serving_path_is_looked_through():
    served = {path.relative_to(ROOT).as_posix() for path in sources() if serves(path)}

    assert len(served) > 100
    assert {"qrmiddleware/students/folder.py", "qrmiddleware/proxy/server.py"} <= served
    assert "plugins/rewrite_table/qrmiddleware_rewrite_table/sqlite_table.py" in served


def test_nothing_on_the_serving_path_can_unpickle_or_load_torch():
    found = {
        path.relative_to(ROOT).as_posix(): bad
        for path in sources()
        if serves(path) and (bad := (PICKLES | {"torch", "transformers"}) & set(imports(path)))
    }

    assert found == {}


def test_no_call_runs_what_it_reads():
    assert [call for path in sources() for call in unsafe_calls(path)] == []


@pytest.mark.parametrize(
    "code",
    ["torch.load(f)", "torch.load(f, weights_only=False)", "eval('1')", "yaml.load(f)",
     "subprocess.run('x', shell=True)", "np.load(f, allow_pickle=True)"],
)  # fmt: skip
def test_the_search_for_unsafe_calls_finds_them(tmp_path, code):
    file = tmp_path / "bad.py"
    file.write_text(code)

    assert list(unsafe_calls(file, tmp_path))


def test_ports_are_open_to_this_machine_only_by_default():
    assert ListenSettings().host == AdminSettings().host == "127.0.0.1"


def test_every_secret_of_the_configuration_is_one_by_its_type():
    secret = {
        (section, key)
        for section, field in Settings.model_fields.items()
        for key, inner in getattr(field.annotation, "model_fields", {}).items()
        if "SecretStr" in str(inner.annotation)
    }

    assert secret == set(SECRETS)
