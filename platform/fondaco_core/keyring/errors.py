"""How the keyring refuses.

Refusal
└── Conflict
    └── KeysDestroyed   the merchant has left, and its keys are gone
"""

from fondaco_core.errors import Conflict


class KeysDestroyed(Conflict):
    """The merchant has left and its keys were destroyed: what was sealed with them opens for nobody."""

    code = "KEYS_DESTROYED"

    def __init__(self) -> None:
        super().__init__(
            "This merchant has left the platform, and the keys of what it kept were destroyed; it cannot be opened any more.",
            zh="该商户已离开平台，其密钥已被销毁，相关内容无法再打开。",
        )
