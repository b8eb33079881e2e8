"""How actors talk."""

from __future__ import annotations

import pytest

from regrow._actors.mailbox import Mailbox, Request


async def test_messages_come_in_the_order_that_they_were_told():
    mailbox: Mailbox[int] = Mailbox()
    for number in range(3):
        assert mailbox.ref.tell(number)
    assert [await mailbox.receive() for _ in range(3)] == [0, 1, 2]


async def test_a_closed_mailbox_returns_what_nobody_read_and_takes_no_more():
    mailbox: Mailbox[int] = Mailbox()
    mailbox.ref.tell(1)
    mailbox.ref.tell(2)
    assert mailbox.close() == [1, 2]
    assert not mailbox.ref.tell(3)


async def test_a_request_gets_its_answer_or_its_error():
    request: Request[int] = Request()
    request.answer(5)
    assert await request.wait() == 5
    refused: Request[int] = Request()
    refused.refuse(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await refused.wait()
