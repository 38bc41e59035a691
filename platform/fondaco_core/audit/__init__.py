"""audit: who did what, append only.

Owns     audit_entry.
Promises an act is in the log if and only if its transaction committed; no role of the application changes or deletes a row.
Stands on db.
"""

from fondaco_core.audit.service import list_entries, record, record_many

__all__ = ["list_entries", "record", "record_many"]
