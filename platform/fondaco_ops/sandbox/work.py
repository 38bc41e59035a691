"""What the sandbox gateway does: opens payments, takes money, gives it back, and decides what to tell the shop of it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from fondaco_core import clock
from fondaco_core.money import CURRENCY_DIGITS
from fondaco_ops.sandbox.book import Book, Payment, Refund
from fondaco_ops.sandbox.switches import CALLBACK_FAULTS, REFUND_FAULTS, Fault, Operation, Switch

AMOUNT_MAX_MINOR = 10**12
# An out-of-order notification of something older comes so much after the newer one.
STEP_SECONDS = 0.05


class Refused(Exception):
    """A definite no of the gateway, told as JSON."""

    def __init__(self, code: str, status: int = 409) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Press:
    """What a payer does: how much arrives, in which currency, and (`late`) whether also when the time to pay is over."""

    amount_minor: int
    currency: str
    late: bool = False


class Work:
    """The gateway without its doors."""

    def __init__(self, book: Book, ring: Callable[[], None]) -> None:
        """`ring` is called when there is something to tell a shop."""
        self.book = book
        self._ring = ring

    def create(self, given: dict[str, object]) -> Payment:
        """Opens a payment; the same again is the same payment, and the same id for something else is refused."""
        currency = str(given["currency"])
        with self.book.changing():
            known = self.book.payment(str(given["id"]))
            if known is None:
                return self.book.add_payment({**given, "digits": CURRENCY_DIGITS[currency]}, now())
        if any(getattr(known, name) != value for name, value in given.items()):
            raise Refused("PAYMENT_ID_TAKEN")
        return known

    def found(self, payment_id: str) -> Payment:
        """A payment as it stands now: what was not paid in time is closed."""
        payment = self.book.payment(payment_id)
        if payment is None:
            raise Refused("NO_SUCH_PAYMENT", 404)
        if payment.state == "PENDING" and payment.expires_at <= now():
            self._end(payment)
        return self._again(payment)

    def pay(self, payment: Payment, press: Press) -> bool:
        """Takes money; whether it was taken. What is paid or closed is not paid again."""
        if payment.expires_at <= now() and not press.late:
            return False
        with self.book.changing():
            if not self.book.set_paid(payment.id, press.amount_minor, press.currency, now(), late=press.late):
                return False
            self._tell(self._again(payment))
        self._ring()
        return True

    def close(self, payment_id: str) -> Payment:
        """Ends a payment that waits; one that is paid is refused."""
        payment = self.found(payment_id)
        if payment.state == "PENDING":
            self._end(payment)
        payment = self._again(payment)
        if payment.state == "PAID":
            raise Refused("ALREADY_PAID")
        return payment

    def refund(self, refund_id: str, payment_id: str, *, amount_minor: int, currency: str) -> Refund:
        """Gives money back; the same id again moves nothing."""
        with self.book.changing():
            payment = self.book.payment(payment_id)
            known = self.book.refund(refund_id)
            if known is not None:
                if (known.payment_id, known.amount_minor, known.currency) != (payment_id, amount_minor, currency):
                    raise Refused("REFUND_ID_TAKEN")
            elif payment is None:
                raise Refused("NO_SUCH_PAYMENT", 404)
            else:
                self._refund(refund_id, payment, amount_minor, currency)
        self._ring()
        return self.refund_found(refund_id)

    def _refund(self, refund_id: str, payment: Payment, amount_minor: int, currency: str) -> None:
        if payment.state != "PAID" or payment.paid_currency != currency:
            raise Refused("NOT_PAID")
        if payment.refunded_minor + amount_minor > (payment.paid_minor or 0):
            raise Refused("MORE_THAN_PAID")
        used = self.book.use_switches(REFUND_FAULTS, payment.id, Operation.REFUND)
        slow = used.get(Fault.REFUND_PENDING)
        state = "REFUSED" if Fault.REFUND_REFUSED in used else "PENDING" if slow else "DONE"
        due_at = now() + slow.seconds if slow and state == "PENDING" else None
        self.book.add_refund(refund_id, payment, amount_minor, state=state, now=now(), due_at=due_at)

    def refund_found(self, refund_id: str) -> Refund:
        """A refund as it stands now."""
        self.book.finish_due_refunds(now())
        refund = self.book.refund(refund_id)
        if refund is None:
            raise Refused("NO_SUCH_REFUND", 404)
        return refund

    def tell_again(self, payment_id: str) -> None:
        """Tells the shop how a payment stands, once more, in a notification of its own."""
        payment = self.found(payment_id)
        with self.book.changing():
            self._tell(payment)
        self._ring()

    def _again(self, payment: Payment) -> Payment:
        found = self.book.payment(payment.id)
        assert found is not None
        return found

    def _end(self, payment: Payment) -> None:
        with self.book.changing():
            if self.book.set_closed(payment.id):
                self._tell(self._again(payment))
        self._ring()

    def _tell(self, payment: Payment) -> None:
        """Puts down what is to be told of a payment, as the switches have it."""
        if not payment.notify_url:
            return
        used = self.book.use_switches(CALLBACK_FAULTS, payment.id)
        if Fault.LOST in used:
            return
        late = used.get(Fault.LATE)
        due_at = now() + (late.seconds if late else 0)
        minor, currency = told_amount(payment)
        if Fault.WRONG_AMOUNT in used:
            minor += 1
        if Fault.WRONG_CURRENCY in used:
            currency = "USD" if currency != "USD" else "CNY"
        forged = Fault.FORGED in used
        for told_id in _told_ids(used):
            body = notification(told_id, payment, payment.state, minor, currency)
            self.book.add_callback(told_id, payment.id, body, forged=forged, due_at=due_at)
        if Fault.OUT_OF_ORDER in used:
            told_id = _new_id()
            body = notification(told_id, payment, "PENDING", payment.amount_minor, payment.currency)
            self.book.add_callback(told_id, payment.id, body, forged=False, due_at=due_at + STEP_SECONDS)


def _told_ids(used: dict[Fault, Switch]) -> list[str]:
    """The ids of the notifications of one fact: one, or the same several times, or several."""
    told_id = _new_id()
    same = used[Fault.TWICE].times if Fault.TWICE in used else 1
    others = used[Fault.ANEW].times - 1 if Fault.ANEW in used else 0
    return [told_id] * same + [_new_id() for _ in range(others)]


def _new_id() -> str:
    return f"SBN{secrets.token_hex(10)}"


def now() -> float:
    """The gateway's time."""
    return clock.now().timestamp()


def told_amount(payment: Payment) -> tuple[int, str]:
    """What is said of a payment's amount: what was paid, or else what is asked for."""
    return payment.paid_minor or payment.amount_minor, payment.paid_currency or payment.currency


def notification(told_id: str, payment: Payment, state: str, amount_minor: int, currency: str) -> bytes:
    """The body of a notification."""
    return orjson.dumps(
        {
            "notification_id": told_id, "payment_id": payment.id, "reference": payment.reference, "state": state,
            "amount_minor": amount_minor, "currency": currency,
        }
    )  # fmt: skip
