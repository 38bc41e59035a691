"""Which acts need a reason. Pure."""

from typing import Final

from fondaco_core import limits
from fondaco_core.audit.errors import ReasonNeeded
from fondaco_core.context import ActorKind, Ctx

# What people of a merchant, its machines, and the platform's people do only for a reason that stands in the log beside it:
# codes seen or led to, stock and sales taken away, money given, keys, and what is done to a merchant.
NEED_REASON: Final = frozenset(
    {
        # seeing what is sealed
        "batch.lines_taken", "code.revealed", "code.traced", "lot.traced", "path.traced", "delivery_link.created", "evidence.made", "link_key.shown",
        # taking it out, in the open or not
        "order_export.requested", "stock.exported", "tenant.exported",
        # undoing what was bought or bought in
        "batch.undone", "code.quarantined", "code.released", "code.voided", "code.withdrawn", "order.refunded",
        "redemption.reversed", "unit.replaced",
        # money
        "reconciliation.resolved", "wallet.credited", "withdrawal.approved", "withdrawal.refused", "withdrawal_destination.shown",
        # keys
        "client_key.retired", "keys.destruction_begun", "keys.rotation_begun",
        # what is done to others
        "agreement.declined", "agreement.ended", "agreement.suspended", "source.paused", "source.resumed",
        "supply_invitation.revoked",
        "break_glass.opened", "customer.blocked", "customer.unblocked", "tenant.closed", "tenant.fees_set", "tenant.resumed",
        "tenant.suspended",
    }
)  # fmt: skip
# Who acts for somebody else, and answers for it.
_ANSWERABLE: Final = frozenset(
    {ActorKind.MEMBER, ActorKind.PLATFORM_ADMIN, ActorKind.BREAK_GLASS, ActorKind.API_CLIENT}
)


def check_reason(ctx: Ctx, action: str, reason: str | None) -> None:
    """Raises ReasonNeeded for an act that needs one and has none that says anything.

    Buyers need none for what is their own, and the system none for what it is told to do.
    """
    if action not in NEED_REASON or ctx.actor not in _ANSWERABLE or ctx.customer_id is not None:
        return
    if reason is None or len(reason.strip()) < limits.REASON_CHARS_MIN:
        raise ReasonNeeded
