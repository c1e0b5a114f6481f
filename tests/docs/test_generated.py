import subprocess
import sys
from pathlib import Path


def test_generated_parts_say_what_the_code_says():
    script = Path(__file__).with_name("generate.py")

    checked = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, (
        "write them anew with: uv run python tests/docs/generate.py\n\n"
        f"{checked.stdout}{checked.stderr}"
    )
