"""One search of an ``_msearch``, before and after its trips."""

from msgspec import Raw

from qrmiddleware.dsl.msearch import MsearchItem
from qrmiddleware.proxy.items import ItemTask


def test_an_item_without_our_section_is_sent_as_it_came():
    item = MsearchItem(b'{"index":"p"}', b'{ "query": {} }')

    task = ItemTask.of(item)

    assert task.plain is item
    assert task.sent() == [item]


def test_our_section_is_taken_out_of_what_is_sent():
    task = ItemTask.of(MsearchItem(b"{}", b'{"ext":{"qrm":{}},"size":1}'))

    assert task.plain == MsearchItem(b"{}", b'{"size":1}')


async def test_an_item_that_is_answered_is_not_sent_again():
    task = ItemTask.of(MsearchItem(b"{}", b"{}"))

    await task.take([Raw(b'{"took":1}')])

    assert task.sent() == []
    assert bytes(task.reply) == b'{"took":1}'


def test_an_item_that_is_no_json_is_left_to_the_engine():
    task = ItemTask.of(MsearchItem(b"{}", b"{"))

    assert task.body is None
    assert not task.needs_answer
