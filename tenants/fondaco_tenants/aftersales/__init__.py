"""aftersales: what happens when something was wrong with a purchase; so far, what happened to an order, and evidence of a code's path.

Promises a timeline tells its buyer and its merchant alike what was done with an order, when, and by whom; an evidence file
         proves by itself, to whoever has the platform's public key, what was done with a code, by whom and when; neither
         holds a code or a contact, and that evidence was made is on the record.
Stands on delivery, orders, codes.
"""

from fondaco_tenants.aftersales.rules import TimelineActor, TimelineEntry, TimelineKind
from fondaco_tenants.aftersales.service.evidence import Evidence, make_evidence, make_unit_evidence
from fondaco_tenants.aftersales.service.timeline import timeline_of

__all__ = [
    "Evidence",
    "TimelineActor",
    "TimelineEntry",
    "TimelineKind",
    "make_evidence",
    "make_unit_evidence",
    "timeline_of",
]
