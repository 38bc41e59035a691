"""Every bound, with its reason, by what it bounds. Nothing in the system is unlimited.

Owns     nothing but numbers: asked for as `limits.NAME`, wherever they are written down here.
Promises a name is in one of these files only.
Stands on nothing.
"""

from fondaco_core.limits.codes import *
from fondaco_core.limits.delivery import *
from fondaco_core.limits.goods import *
from fondaco_core.limits.identity import *
from fondaco_core.limits.keys import *
from fondaco_core.limits.orders import *
from fondaco_core.limits.outbox import *
from fondaco_core.limits.outside import *
from fondaco_core.limits.payments import *
from fondaco_core.limits.records import *
from fondaco_core.limits.supply import *
from fondaco_core.limits.transport import *
from fondaco_core.limits.webhooks import *
from fondaco_core.limits.withdrawals import *
