"""How the notary can fail.

NotSealedYet    the entry was written a moment ago and is in no checkpoint
"""

from fondaco_core.errors import Conflict


class NotSealedYet(Conflict):
    """Something of what was asked for was written a moment ago; within two minutes it is sealed."""

    code = "NOT_SEALED_YET"

    def __init__(self) -> None:
        super().__init__(
            "Some of it was written a moment ago and is not sealed yet; ask again in two minutes.",
            zh="其中有刚刚写入、尚未封存的记录，请两分钟后再试。",
        )
