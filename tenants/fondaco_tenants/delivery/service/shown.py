"""A code in the open, between the vault and whoever it is shown to."""

from dataclasses import dataclass
from datetime import datetime

from fondaco_core.ids import AllocationId
from fondaco_core.secret import Secret


@dataclass(frozen=True, slots=True)
class RevealedUnit:
    """One unit's code in the open, with what its buyer needs to use it. It prints without the code."""

    allocation_id: AllocationId
    line: int
    unit: int
    title: str
    kind: str
    code: Secret[str]
    pin: Secret[str] | None
    masked: str
    redemption: str
    redemption_zh: str
    restrictions: str | None
    restrictions_zh: str | None
    revealed_at: datetime
    reveal_count: int
    # For a machine with a public key: the code as only that key opens it. Then `code` is empty and `pin` None.
    jwe: str | None = None
