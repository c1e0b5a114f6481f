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


def check_output(block, printed, page, shell):
    missing = shown_in_order(shell.on_our_ports(block.text), printed)
    assert missing is None, f"{page.name}:{block.line}: {missing!r} not in\n{printed}"


@pytest.mark.timeout(1800)  # a story that trains takes minutes on a busy machine
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
            check_output(block, printed, story, shell)


@pytest.mark.timeout(60)
def test_programs_print_what_the_page_says(reference, shell):
    printed = None

    for block in reference.blocks():
        if block.language == "python":
            printed = shell.run_python(block.text)
        elif block.language == "output" and printed is not None:
            check_output(block, printed, reference, shell)
        else:
            printed = None


def test_output_is_compared_by_its_lines_in_order_and_an_ellipsis_stands_for_anything():
    actual = "one  two 3.14 ms\nthree\n"

    assert shown_in_order("one two … ms\nthree", actual) is None
    assert shown_in_order("three\none", actual) == "one"
