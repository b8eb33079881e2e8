"""A minimal supervisor: it starts a nest, sends requests, and reads records, all without an event loop."""

# ruff: noqa: E402  a type checker for another system must not read further than the assertion
from __future__ import annotations

import sys

assert sys.platform == "linux"

import array
import os
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from regrow._edge.guardian import records, wire
from regrow._edge.guardian.records import Exited, Failed, Gone, Hello, Launched, Lost, Record

PATIENCE = 10.0  # seconds: longer than anything should take


class Client:
    """One nest, and what it has told."""

    def __init__(self, guardian: Sequence[str], *, extra_fds: Sequence[int] = (), **options) -> None:
        self.control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.events, events = os.pipe()
        life, self.life = os.pipe()
        fds = (control.fileno(), events, life)
        command = [*guardian, *map(str, fds), str(os.getpid())]
        self.nest = subprocess.Popen(command, pass_fds=(*fds, *extra_fds), start_new_session=True, **options)
        control.close()
        os.close(events)
        os.close(life)
        self.told: list[Record] = []
        self.last_id = 0

    def hello(self) -> Hello:
        return self.wait(Hello)

    def send(self, request: wire.Request, fds: Sequence[int] = ()) -> None:
        memory = None
        if request.memory is not None:
            memory = os.memfd_create("start", os.MFD_CLOEXEC)
            with open(os.dup(memory), "wb") as file:
                file.write(request.memory)
            fds = (*fds, memory)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.control.sendmsg([request.message], ancillary)
        if memory is not None:
            os.close(memory)

    def start(
        self,
        *command: str,
        env: dict[str, str] | None = None,
        fds: Sequence[int] = (),
        cgroup: int | None = None,
        cgroup_is_missing: bool = False,
        **options,
    ) -> int:
        """Ask for a child; its id. Without descriptors it has /dev/null three times. *cgroup* is a directory's."""
        self.last_id += 1
        environment = os.environ if env is None else env
        options.setdefault("candidates", [command[0].encode()])
        wanted = wire.Start(
            id=self.last_id,
            arguments=[word.encode() for word in command],
            environment=[f"{name}={value}".encode() for name, value in environment.items()],
            descriptors=len(fds),
            cgroup=cgroup is not None or cgroup_is_missing,
            **options,
        )
        self.send(wire.start(wanted), fds if cgroup is None else (*fds, cgroup))
        return self.last_id

    def launch(self, *command: str, **options) -> Launched:
        """Start a child and wait until it runs."""
        return self.launched(self.start(*command, **options))

    def launched(self, child: int) -> Launched:
        answer = self.wait(Launched, Failed, child=child)
        assert isinstance(answer, Launched), answer
        return answer

    def signal(self, child: int, number: int, to: wire.To = wire.To.GROUP) -> None:
        self.send(wire.send_signal(child, number, to))

    def kill(self, child: int) -> Gone:
        self.send(wire.kill(child))
        return self.gone(child)

    def exited(self, child: int) -> Exited:
        return self.wait(Exited, child=child)

    def gone(self, child: int) -> Gone:
        answer = self.wait(Gone, Lost, child=child)
        assert isinstance(answer, Gone), answer
        return answer

    def wait(self, *kinds: type[Record], child: int | None = None, patience: float = PATIENCE) -> Any:
        """The first record of one of *kinds* (about *child*) that is told, or was told already."""

        def fits(record: Record) -> bool:
            return isinstance(record, kinds) and (child is None or getattr(record, "id", None) == child)

        return self.wait_until(lambda told: next(filter(fits, told), None), patience)

    def wait_until(self, look: Callable[[list[Record]], object], patience: float = PATIENCE) -> Any:
        end = time.monotonic() + patience
        while (found := look(self.told)) is None:
            ready, _, _ = select.select([self.events], [], [], max(0, end - time.monotonic()))
            assert ready, f"nothing came; told: {self.told}"
            assert self.read(), f"all guardians have ended; told: {self.told}"
        return found

    def read(self) -> bool:
        """Read what is there; whether any guardian is left."""
        data = os.read(self.events, records.SIZE * 512)
        self.told += records.decode(data)
        return bool(data)

    def read_to_end(self, patience: float = PATIENCE) -> None:
        """Until the last guardian has ended."""
        end = time.monotonic() + patience
        while select.select([self.events], [], [], max(0, end - time.monotonic()))[0]:
            if not self.read():
                return
        raise AssertionError("guardians are left")

    def close(self) -> None:
        """End everything, in order."""
        self.control.close()
        try:
            self.read_to_end()
        finally:
            os.close(self.life)  # whatever went wrong, this ends the nest
            os.close(self.events)
            self.nest.wait(PATIENCE)


@contextmanager
def open_client(guardian: Sequence[str], **options) -> Iterator[Client]:
    client = Client(guardian, **options)
    try:
        yield client
    finally:
        client.close()
