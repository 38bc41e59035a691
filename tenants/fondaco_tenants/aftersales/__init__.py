"""aftersales: what happens when something was wrong with a purchase; so far, the evidence of a code's whole path.

Promises an evidence file proves by itself, to whoever has the platform's public key, what was done with a code, by whom and
         when; it holds no code and no contact, and that it was made is on the record.
Stands on delivery, orders, codes.
"""

from fondaco_tenants.aftersales.service import Evidence, make_evidence

__all__ = ["Evidence", "make_evidence"]
