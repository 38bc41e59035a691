"""audit: who did what, append only.

Owns     audit_entry.
Promises an act is in the log if and only if its transaction committed; no role of the application changes or deletes a row;
         an act that needs a reason (rules.NEED_REASON) does not happen without one.
Stands on db.
"""

from fondaco_core.audit.errors import ReasonNeeded
from fondaco_core.audit.rules import NEED_REASON
from fondaco_core.audit.service import list_entries, record, record_many

__all__ = ["NEED_REASON", "ReasonNeeded", "list_entries", "record", "record_many"]
