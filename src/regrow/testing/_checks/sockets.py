"""The sockets that a launcher opens for a child, and keeps open while it is restarted."""

from __future__ import annotations

import trio
import trio.testing

from regrow._specs.listen import ListenSocket
from regrow._specs.stop import Stop
from regrow.testing import children
from regrow.testing._checks.record import Record
from regrow.testing._checks.trial import Check, Trial

_ANY = "127.0.0.1:0"


async def a_child_is_given_its_sockets(trial: Trial) -> None:
    """From descriptor 3 on, as `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` say; they listen."""
    sockets = [ListenSocket(_ANY, name="web"), ListenSocket(_ANY)]
    record = await trial.launch_if_possible(children.serves_sockets(), sockets=sockets)
    if record is not None:
        said = await _said(record)
        record.require(said[:4] == ["pid", "right", "names", "web:unknown"], "it knows its sockets")
        for address in said[5:]:
            record.require(await trial.ask(address) == b"1", f"it answers at {address}")


async def who_connects_between_two_incarnations_waits(trial: Trial) -> None:
    """Nobody is refused while a child is restarted; the next incarnation has the same sockets, and answers."""
    first = await trial.launch_if_possible(children.serves_sockets(), sockets=[_ANY])
    if first is None:
        return
    address = (await _said(first))[-1]
    await first.controls.stop(Stop(grace=trial.long))
    answers: list[bytes] = []

    async def ask() -> None:
        answers.append(await trial.ask(address))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        second = await trial.start(trial.next(first), children.serves_sockets(), sockets=[_ANY])
        second.require((await _said(second))[-1] == address, f"it has the socket at {address}")
    second.require(answers == [b"2"], "it answers who waited")


async def a_socket_is_open_before_the_child_is_ready(trial: Trial) -> None:
    """Who connects to one that does not accept yet is not refused."""
    record = await trial.launch_if_possible(children.serves_sockets(), sockets=[_ANY])
    if record is None:
        return
    address = (await _said(record))[-1]
    record.controls.signal("SIGKILL")
    await record.wait_exited(signal="SIGKILL")
    again = await trial.start(trial.next(record), children.sleeps(), sockets=[_ANY])
    with trio.move_on_after(trial.grace) as waited:
        await trial.ask(address)
    again.require(waited.cancelled_caught, "who connects waits")


async def what_is_forgotten_listens_no_more(trial: Trial) -> None:
    """`forget` closes the sockets of its path, and no others."""
    records = [await trial.launch_if_possible(children.serves_sockets(), sockets=[_ANY]) for _ in range(2)]
    gone, stays = records
    if gone is None or stays is None:
        return
    address = (await _said(gone))[-1]
    await gone.controls.stop(Stop(grace=trial.long))
    trial.opened.forget(gone.key.tree, gone.key.path)
    trial.opened.forget(gone.key.tree, "where/nothing/was")
    await _is_refused(trial, gone, address)
    stays.require(await trial.ask((await _said(stays))[-1]) == b"1", "others are not closed")


async def what_the_next_spec_does_not_name_listens_no_more(trial: Trial) -> None:
    """As if it had been forgotten."""
    record = await trial.launch_if_possible(children.serves_sockets(), sockets=[_ANY])
    if record is not None:
        address = (await _said(record))[-1]
        await record.controls.stop(Stop(grace=trial.long))
        await trial.start(trial.next(record), children.sleeps())
        await _is_refused(trial, record, address)


async def leaving_closes_the_sockets(trial: Trial) -> None:
    """All that are still open."""
    async with trial.another() as inner:
        record = await inner.launch_if_possible(children.serves_sockets(), sockets=[_ANY])
        address = "" if record is None else (await _said(record))[-1]
    if record is not None:
        await _is_refused(trial, record, address)


async def _said(record: Record) -> list[str]:
    """What it says of its sockets: the last word is an address."""
    await record.wait_printed(b"\n")
    return record.output().decode().split()


async def _is_refused(trial: Trial, record: Record, address: str) -> None:
    try:
        await trial.ask(address)
    except OSError:
        return
    record.require(False, f"nobody listens at {address}")


CHECKS: tuple[Check, ...] = (
    a_child_is_given_its_sockets,
    who_connects_between_two_incarnations_waits,
    a_socket_is_open_before_the_child_is_ready,
    what_is_forgotten_listens_no_more,
    what_the_next_spec_does_not_name_listens_no_more,
    leaving_closes_the_sockets,
)
