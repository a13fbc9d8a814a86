"""A Postgres server of its own, from the system's packages, for as long as a test needs it."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.browser.servers import free_ports

USER = "hourfold"
FOLDERS = sorted(
    Path("/usr/lib/postgresql").glob("*/bin")
)  #: of Debian's packages, which are not on the path


@dataclass(frozen=True)
class Postgres:
    """A running server that asks for a password."""

    port: int
    password: str
    _numbers: Iterator[int] = field(default_factory=count)

    def address(self, database: str) -> str:
        """The SQLAlchemy address of a database."""
        return f"postgresql+psycopg2://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database; its address."""
        name = f"test_{next(self._numbers)}"
        self.ask("postgres", f"CREATE DATABASE {name}")
        return self.address(name)

    def ask(self, database: str, statement: str) -> list[tuple]:
        """The rows of a statement."""
        import psycopg2

        connection = psycopg2.connect(self.address(database).replace("+psycopg2", ""))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


@contextmanager
def running() -> Iterator[Postgres]:
    """A server in a temporary folder. It refuses to run as root: then it runs as the packages' own user."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(
        tempfile.mkdtemp(prefix="pg")
    )  # short: the path of a socket has a limit; not below pytest's,
    (port,), password = free_ports(1), secrets.token_hex(8)  # which another user may not enter
    secret = folder / "password"
    secret.write_text(password)
    if as_user:
        for path in (folder, secret):
            shutil.chown(path, "postgres")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    made = ["initdb", "-D", f"{folder}/data", "-U", USER, "-A", "scram-sha-256", "--no-sync"]
    control = ["pg_ctl", "-D", f"{folder}/data", "-w"]
    try:
        _call([*as_user, *_program(made), f"--pwfile={secret}", "-E", "UTF8"])
        _call([*as_user, *_program(control), "-l", f"{folder}/log", "-o", options, "start"])
        try:
            yield Postgres(port, password)
        finally:
            _call([*as_user, *_program(control), "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(command: list[str]) -> list[str]:
    folder = str(FOLDERS[-1]) if FOLDERS else None
    program = shutil.which(command[0], path=folder) or shutil.which(command[0])
    assert program is not None, f"no {command[0]}: install postgresql, as .ci/run does"
    return [program, *command[1:]]


def _call(command: list[str]) -> None:
    done = subprocess.run(command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
