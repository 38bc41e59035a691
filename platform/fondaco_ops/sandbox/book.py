"""What the sandbox gateway knows: payments, refunds, callbacks to make, switches. One SQLite file of its own.

It stands in for somebody else's books, so nothing of it is in Fondaco's database. Every change is one transaction, and a
process that is killed finds all of it again. One thread uses it: statements take microseconds.
"""

import secrets
import sqlite3
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fondaco_ops.sandbox.switches import Fault, Operation, Switch

SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
  id TEXT PRIMARY KEY, reference TEXT NOT NULL UNIQUE, page TEXT NOT NULL UNIQUE, amount_minor INTEGER NOT NULL,
  currency TEXT NOT NULL, digits INTEGER NOT NULL, subject TEXT NOT NULL, notify_url TEXT NOT NULL, return_url TEXT NOT NULL,
  locale TEXT NOT NULL, expires_at REAL NOT NULL, created_at REAL NOT NULL, state TEXT NOT NULL DEFAULT 'PENDING',
  paid_minor INTEGER, paid_currency TEXT, paid_at REAL, refunded_minor INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS payment_paid ON payment (paid_at, id);
CREATE TABLE IF NOT EXISTS refund (
  id TEXT PRIMARY KEY, payment_id TEXT NOT NULL REFERENCES payment, reference TEXT NOT NULL UNIQUE,
  amount_minor INTEGER NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL, created_at REAL NOT NULL,
  done_at REAL, due_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS refund_done ON refund (done_at, id);
CREATE TABLE IF NOT EXISTS callback (
  number INTEGER PRIMARY KEY, notification_id TEXT NOT NULL, payment_id TEXT NOT NULL REFERENCES payment,
  body BLOB NOT NULL, forged INTEGER NOT NULL, due_at REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
  ended_at REAL, answered INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS callback_due ON callback (due_at) WHERE ended_at IS NULL;
CREATE TABLE IF NOT EXISTS switch (
  id INTEGER PRIMARY KEY, fault TEXT NOT NULL, payment_id TEXT, operation TEXT, left INTEGER NOT NULL,
  seconds REAL NOT NULL, times INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS nonce (nonce TEXT PRIMARY KEY, until REAL NOT NULL) STRICT;
"""
# What the control page shows, and the most a list answers.
SHOWN_MAX = 50
STATEMENT_LINES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment in the gateway's books."""

    id: str
    reference: str
    # What is behind the address of its page: who has it may pay.
    page: str
    amount_minor: int
    currency: str
    digits: int
    subject: str
    notify_url: str
    return_url: str
    locale: str
    expires_at: float
    created_at: float
    state: str
    paid_minor: int | None
    paid_currency: str | None
    paid_at: float | None
    refunded_minor: int


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund in the gateway's books."""

    id: str
    payment_id: str
    reference: str
    amount_minor: int
    currency: str
    state: str
    created_at: float
    done_at: float | None
    # When a pending one is done.
    due_at: float | None


@dataclass(frozen=True, slots=True)
class Callback:
    """A notification that is to be told to the shop."""

    number: int
    notification_id: str
    payment_id: str
    body: bytes
    forged: int
    due_at: float
    attempts: int
    ended_at: float | None
    answered: int | None


class Book:
    """The file, open."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @contextmanager
    def changing(self) -> Generator[None]:
        """What is changed inside is changed together, or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _row(self, sql: str, *args: object) -> Any | None:
        return self._db.execute(sql, args).fetchone()

    def _rows(self, sql: str, *args: object) -> list[Any]:
        return self._db.execute(sql, args).fetchall()

    # Payments.

    def add_payment(self, given: Mapping[str, object], now: float) -> Payment:
        """A new payment, waiting to be paid."""
        made = {
            **given,
            "reference": f"SBX{secrets.token_hex(10)}",
            "page": secrets.token_urlsafe(24),
            "created_at": now,
        }
        names = ", ".join(made)
        marks = ", ".join("?" for _ in made)
        self._db.execute(f"INSERT INTO payment ({names}) VALUES ({marks})", tuple(made.values()))  # noqa: S608 - names of ours
        found = self.payment(str(given["id"]))
        assert found is not None
        return found

    def payment(self, payment_id: str) -> Payment | None:
        """A payment by the shop's id."""
        row = self._row("SELECT * FROM payment WHERE id = ?", payment_id)
        return None if row is None else Payment(**row)

    def payment_of_page(self, page: str) -> Payment | None:
        """A payment by the secret part of its page's address."""
        row = self._row("SELECT * FROM payment WHERE page = ?", page)
        return None if row is None else Payment(**row)

    def latest_payments(self) -> list[Payment]:
        """The latest payments, newest first."""
        return [Payment(**row) for row in self._rows("SELECT * FROM payment ORDER BY rowid DESC LIMIT ?", SHOWN_MAX)]

    def set_paid(self, payment_id: str, amount_minor: int, currency: str, now: float, *, late: bool) -> bool:
        """Whether this made it paid: only what waits can be paid, and `late` also what was closed."""
        sql = (
            "UPDATE payment SET state = 'PAID', paid_minor = ?, paid_currency = ?, paid_at = ?"
            " WHERE id = ? AND (state = 'PENDING' OR (state = 'CLOSED' AND ?))"
        )
        return self._db.execute(sql, (amount_minor, currency, now, payment_id, late)).rowcount == 1

    def set_closed(self, payment_id: str) -> bool:
        """Whether this closed it: only what waits can be closed."""
        sql = "UPDATE payment SET state = 'CLOSED' WHERE id = ? AND state = 'PENDING'"
        return self._db.execute(sql, (payment_id,)).rowcount == 1

    # Refunds.

    def add_refund(
        self, refund_id: str, payment: Payment, amount_minor: int, *, state: str, now: float, due_at: float | None
    ) -> None:
        """A new refund; one that is done or under way counts against its payment."""
        self._db.execute(
            "INSERT INTO refund (id, payment_id, reference, amount_minor, currency, state, created_at, done_at, due_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                refund_id, payment.id, f"SBR{secrets.token_hex(10)}", amount_minor, payment.paid_currency or payment.currency,
                state, now, now if state == "DONE" else None, due_at,
            ),
        )  # fmt: skip
        if state != "REFUSED":
            self._db.execute(
                "UPDATE payment SET refunded_minor = refunded_minor + ? WHERE id = ?", (amount_minor, payment.id)
            )

    def refund(self, refund_id: str) -> Refund | None:
        """A refund by the shop's id."""
        row = self._row("SELECT * FROM refund WHERE id = ?", refund_id)
        return None if row is None else Refund(**row)

    def finish_due_refunds(self, now: float) -> None:
        """What was pending for long enough is done."""
        self._db.execute(
            "UPDATE refund SET state = 'DONE', done_at = ?, due_at = NULL WHERE state = 'PENDING' AND due_at <= ?",
            (now, now),
        )

    # Statements.

    def statement(self, begins: float, ends: float, after: str, count: int) -> list[Any]:
        """What was paid and refunded in a day, in the order of a key; from the line after `after` on."""
        return self._rows(
            "SELECT * FROM ("
            " SELECT 'P' || id AS key, 'PAYMENT' AS kind, id, id AS payment_id, reference, paid_minor AS amount_minor,"
            "  paid_currency AS currency, paid_at AS happened_at FROM payment WHERE paid_at >= ? AND paid_at < ?"
            " UNION ALL"
            " SELECT 'R' || id, 'REFUND', id, payment_id, reference, amount_minor, currency, done_at FROM refund"
            "  WHERE done_at >= ? AND done_at < ?"
            ") WHERE key > ? ORDER BY key LIMIT ?",
            begins, ends, begins, ends, after, count,
        )  # fmt: skip

    # Callbacks.

    def add_callback(self, notification_id: str, payment_id: str, body: bytes, *, forged: bool, due_at: float) -> None:
        """A notification to be told at a time."""
        self._db.execute(
            "INSERT INTO callback (notification_id, payment_id, body, forged, due_at) VALUES (?, ?, ?, ?, ?)",
            (notification_id, payment_id, body, forged, due_at),
        )

    def due_callbacks(self, now: float, count: int) -> list[Callback]:
        """What is to be told now."""
        sql = "SELECT * FROM callback WHERE ended_at IS NULL AND due_at <= ? ORDER BY due_at, number LIMIT ?"
        return [Callback(**row) for row in self._rows(sql, now, count)]

    def next_callback_at(self) -> float | None:
        """When the next one is to be told."""
        row = self._row("SELECT min(due_at) AS due_at FROM callback WHERE ended_at IS NULL")
        return None if row is None or row["due_at"] is None else float(row["due_at"])

    def note_callback(self, number: int, *, answered: int | None, ended_at: float | None, due_at: float) -> None:
        """What came of telling it."""
        sql = "UPDATE callback SET attempts = attempts + 1, answered = ?, ended_at = ?, due_at = ? WHERE number = ?"
        self._db.execute(sql, (answered, ended_at, due_at, number))

    def callbacks_of(self, payment_id: str) -> list[Callback]:
        """Everything that was or is to be told of a payment."""
        sql = "SELECT * FROM callback WHERE payment_id = ? ORDER BY number LIMIT ?"
        return [Callback(**row) for row in self._rows(sql, payment_id, 1_000)]

    # Switches.

    def add_switch(self, given: Mapping[str, object]) -> int:
        """A new switch, on."""
        cursor = self._db.execute(
            "INSERT INTO switch (fault, payment_id, operation, left, seconds, times) VALUES (?, ?, ?, ?, ?, ?)",
            tuple(given[name] for name in ("fault", "payment_id", "operation", "left", "seconds", "times")),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def switches(self) -> list[Switch]:
        """Those that are on."""
        return [_switch(row) for row in self._rows("SELECT * FROM switch ORDER BY id LIMIT 1000")]

    def remove_switches(self, switch_id: int | None = None) -> None:
        """Turns one off, or all."""
        self._db.execute("DELETE FROM switch WHERE ? IS NULL OR id = ?", (switch_id, switch_id))

    def use_switches(
        self, faults: Collection[Fault], payment_id: str | None, operation: Operation | None = None
    ) -> dict[Fault, Switch]:
        """Those among the faults that apply now; each is used up by one. A payment's own go before those for all."""
        used: dict[Fault, Switch] = {}
        rows = self._rows(
            "SELECT * FROM switch WHERE (payment_id IS NULL OR payment_id = ?) AND (operation IS NULL OR operation = ?)"
            " ORDER BY payment_id IS NULL, id",
            payment_id,
            operation,
        )
        for switch in map(_switch, rows):
            if switch.fault in faults and switch.fault not in used:
                used[switch.fault] = switch
                self._db.execute("UPDATE switch SET left = left - 1 WHERE id = ?", (switch.id,))
        self._db.execute("DELETE FROM switch WHERE left <= 0")
        return used

    # Nonces.

    def use_nonce(self, nonce: str, now: float, until: float) -> bool:
        """Whether a nonce is new; those that are over are forgotten."""
        self._db.execute("DELETE FROM nonce WHERE until < ?", (now,))
        return self._db.execute("INSERT OR IGNORE INTO nonce VALUES (?, ?)", (nonce, until)).rowcount == 1


def _switch(row: Any) -> Switch:
    operation = None if row["operation"] is None else Operation(row["operation"])
    return Switch(
        row["id"], Fault(row["fault"]), row["payment_id"], operation, row["left"], row["seconds"], row["times"]
    )
