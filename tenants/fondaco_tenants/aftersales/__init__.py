"""aftersales: what happened to an order, evidence of a code's path, and codes that turned up where they should not be.

Owns     leak, leak_find.
Promises a timeline tells its buyer and its merchant alike what was done with an order, when, and by whom; an evidence file
         proves by itself, to whoever has the platform's public key, what was done with a code, by whom and when; neither
         holds a code or a contact, and that evidence was made is on the record; a code that turned up leads each merchant on its path
         to its own two lots and no further, and that it was traced is on the record.
Stands on delivery, orders, codes.
"""

from fondaco_tenants.aftersales.events import LeakReported, PathTraced
from fondaco_tenants.aftersales.rules import TimelineActor, TimelineEntry, TimelineKind
from fondaco_tenants.aftersales.service.evidence import Evidence, make_evidence, make_unit_evidence
from fondaco_tenants.aftersales.service.leaks import (
    Find,
    Leak,
    LeakCount,
    count_leaks,
    finds_of,
    leaks_by_ids,
    leaks_of_codes,
    list_leaks,
    report_leak,
)
from fondaco_tenants.aftersales.service.timeline import timeline_of
from fondaco_tenants.aftersales.service.tracing import (
    AskedCode,
    PathStep,
    Shown,
    Sold,
    TracedUnit,
    find_own,
    reveals_of,
    sold_of,
    trace_code,
    trace_lot,
    trace_path,
)

__all__ = [
    "AskedCode",
    "Evidence",
    "Find",
    "Leak",
    "LeakCount",
    "LeakReported",
    "PathStep",
    "PathTraced",
    "Shown",
    "Sold",
    "TimelineActor",
    "TimelineEntry",
    "TimelineKind",
    "TracedUnit",
    "count_leaks",
    "find_own",
    "finds_of",
    "leaks_by_ids",
    "leaks_of_codes",
    "list_leaks",
    "make_evidence",
    "make_unit_evidence",
    "report_leak",
    "reveals_of",
    "sold_of",
    "timeline_of",
    "trace_code",
    "trace_lot",
    "trace_path",
]
