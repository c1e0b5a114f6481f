"""Lines of digits, also where a process ends while it writes."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.asking.growing_file import GrowingFile
from qrmiddleware.errors import ConfigError


def is_whole(line):
    return line.isdigit() and len(line) == 3


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "numbers.txt"


def opened(path, load=lambda: None):
    file = GrowingFile(path, "numbers", is_whole)
    file.open(load)
    return file


def write(path, *lines):
    file = opened(path)
    for line in lines:
        file.add(line)
    file.close()
    return file.note


def test_lines_are_added_to_those_that_are_there(path):
    write(path, b"100", b"200")
    write(path, b"300")

    assert path.read_bytes() == b"100\n200\n300\n"


def test_a_line_is_in_the_file_before_it_is_closed(path):
    file = opened(path)

    file.add(b"100")

    assert path.read_bytes() == b"100\n"
    file.close()


@given(st.integers(0, 12))
def test_however_short_a_file_is_cut_only_whole_lines_are_left(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("growing") / "numbers.txt"
    path.write_bytes(b"100\n200\n300\n"[:length])

    note = write(path, b"400")

    left = [b"100", b"200", b"300"][: (length + 1) // 4]
    assert path.read_bytes().split() == [*left, b"400"]
    assert bool(note) == (length % 4 in {1, 2})


def test_half_a_line_that_is_longer_than_a_block_is_cut_off_and_said(path):
    write(path, b"100")
    path.write_bytes(b"100\n" + b"x" * 200_000)

    note = write(path)

    assert path.read_bytes() == b"100\n"
    assert note.endswith(
        "only half written (200000 bytes); it is cut off, and its pair is asked again"
    )


def test_what_is_there_is_loaded_once_it_is_mended(path):
    write(path, b"100")
    path.write_bytes(b"100\n2")
    loaded = []

    opened(path, lambda: loaded.append(path.read_bytes())).close()

    assert loaded == [b"100\n"]


def test_a_file_that_cannot_be_loaded_is_closed_again(path):
    def load():
        raise ConfigError("no numbers")

    with pytest.raises(ConfigError, match="no numbers"):
        opened(path, load)

    write(path, b"100")


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be opened for adding numbers"):
        opened(tmp_path)


def test_only_an_open_file_takes_lines(path):
    file = opened(path)
    file.close()

    with pytest.raises(ValueError, match=r"numbers.txt is not open for adding numbers"):
        file.add(b"100")


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks there")
def test_two_processes_do_not_write_into_one_file(path):
    code = (
        "import sys; from pathlib import Path\n"
        "from qrmiddleware.asking.growing_file import GrowingFile\n"
        "GrowingFile(Path(sys.argv[1]), 'numbers', bool).open(print)\n"
    )
    file = opened(path)

    ran = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False
    )

    file.close()
    assert "another process is adding numbers to this file" in ran.stderr
