import re

import pytest


def shown_in_order(expected, actual):
    """Find the lines of an example in real output; ``…`` stands for anything."""
    place, actual = 0, actual.replace("┃", "│")
    for line in expected.splitlines():
        parts = (r"\s+".join(map(re.escape, part.split())) for part in line.split("…"))
        match = re.compile(".*?".join(parts)).search(actual, place)
        if match is None:
            return line
        place = match.end()
    return None


@pytest.mark.timeout(120)
def test_a_reader_who_does_what_the_page_says_sees_what_it_says(story, shell):
    printed = ""

    for block in story.blocks():
        if block.note == "stop":
            shell.stop()
        if block.language == "bash":
            printed = shell.type(block.text)
        elif block.name:
            shell.write(block.name, block.text)
        elif block.language == "python":
            printed = shell.run_python(block.text)
        elif block.language == "output":
            missing = shown_in_order(shell.on_our_ports(block.text), printed)
            assert missing is None, f"{story.name}:{block.line}: {missing!r} not in\n{printed}"


def test_output_is_compared_by_its_lines_in_order_and_an_ellipsis_stands_for_anything():
    actual = "one  two 3.14 ms\nthree\n"

    assert shown_in_order("one two … ms\nthree", actual) is None
    assert shown_in_order("three\none", actual) == "one"
