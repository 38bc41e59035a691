"""`fondaco mailbox`: a post office on this machine alone. It takes every mail and text message, and delivers none.

`fondaco up` starts one, so that one can see what buyers are sent without a mail server. What comes is kept in files, newest
first on a page; the oldest go when there are too many.
"""

from fondaco_ops.mailbox.server import add_arguments, run

__all__ = ["add_arguments", "run"]
