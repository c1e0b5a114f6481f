import socket

import pytest

from qrmiddleware.demo.run import EXAMPLES, SHOWN, DemoOptions, run_demo
from qrmiddleware.errors import ConfigError


def test_the_searches_that_are_shown_are_judged(stock):
    assert all(stock.grades(text) for text in (*SHOWN, *EXAMPLES))


def test_a_port_that_is_taken_is_an_error_that_names_it():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ConfigError, match=str(port)):
            run_demo(DemoOptions(port=port, once=True))
