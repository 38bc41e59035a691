"""Every way the system fails on purpose.

FondacoError
├── Refusal            the asker can act on it; part of the schema; never an alert
│   ├── Invalid        the request makes no sense
│   ├── NotAllowed     the asker may know it exists, and may not do this
│   ├── NotFound       it does not exist, or the asker may not know that it does
│   └── Conflict       it made sense a moment ago
├── Outage             the outside failed; the same request may pass later; retried
├── SettingError       the operator's settings or files do not allow a start; one sentence, no traceback
└── Bug                an invariant does not hold; never caught, always an alert
"""

from typing import ClassVar

# What things are called in Chinese; a contract test looks that each one that is refused by its name is here.
_NOUNS_ZH = {
    "account": "账户", "agreement": "供货协议", "allocation": "订单单元", "api client": "API 客户端", "batch": "批次", "break glass": "查看授权", "budgets": "占用额度",
    "client": "API 客户端", "code": "卡密", "code batch": "批次", "customer": "买家", "delivery": "发货记录", "delivery link": "提货链接",
    "difference": "对账差异", "endpoint": "Webhook 端点", "entitlement": "权益", "export": "导出文件", "gateway": "支付通道", "gift": "赠礼",
    "id": "ID", "key change": "密钥变更", "leak": "泄露记录", "link": "链接", "listing": "商品", "look": "查看授权", "lot": "批次", "member": "成员", "merchant": "商户",
    "message": "消息", "notification": "支付通知", "offer": "供货项", "order": "订单", "partner": "合作商户", "plan": "费率套餐", "passkey": "通行密钥", "payment": "付款", "payment notification": "支付通知",
    "pool": "卡池", "profile": "商户资料", "provider": "身份提供方", "reconciliation difference": "对账差异", "redemption": "核销记录",
    "refund": "退款", "refused refund": "退款", "result of the first request": "首次请求的结果", "session": "会话", "settings": "设置",
    "source": "货源", "stock export": "库存导出", "store": "店铺", "supply invitation": "供货邀请", "supply offer": "供货项", "supply purchase": "采购批次", "supply sale": "供货批次", "template": "模板", "tenant": "商户", "tier": "分销等级", "upload": "上传文件",
    "webhook endpoint": "Webhook 端点", "webhook message": "Webhook 消息", "withdrawal": "提现", "withdrawal destination": "收款账户",
}  # fmt: skip


class FondacoError(Exception):
    """The root of everything that fails on purpose."""


class Refusal(FondacoError):
    """A named refusal: the asker can act on it, and nothing was changed.

    `code` is the stable name that programs match on. `message` is for people, in English, `message_zh` in Chinese.
    `path` names the input field that is at fault, where there is one. Subclasses keep the data a client needs to
    go on as attributes.
    """

    code: ClassVar[str] = "REFUSED"

    def __init__(self, message: str, *, zh: str | None = None, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.message_zh = zh if zh is not None else message
        self.path = path


class Invalid(Refusal):
    """The request makes no sense, whatever the state of the world."""

    code = "INVALID_INPUT"


class NotAllowed(Refusal):
    """The asker may know that it exists, and may not do this."""

    code = "NOT_ALLOWED"

    def __init__(self, permission: str, *, withheld: bool = False) -> None:
        if withheld:
            super().__init__(
                "The merchant does not trade now: it waits for the platform's approval, or is suspended.",
                zh="该商户目前不能交易：正在等待平台审核，或已被暂停。",
            )
        elif permission.startswith("buyer."):
            super().__init__(
                f"This needs the buyer's permission {permission}, which these credentials do not have; use a buyer's.",
                zh=f"此操作需要买家权限 {permission}，当前凭证没有该权限；请使用买家凭证。",
            )
        else:
            super().__init__(
                f"This needs the permission {permission}, which you do not have.",
                zh=f"此操作需要权限 {permission}，您没有该权限。",
            )
        self.permission = permission


class SecondFactorNeeded(NotAllowed):
    """This takes a second factor: one to be set up first, or to be shown again, since the last time was too long ago."""

    code = "SECOND_FACTOR_NEEDED"

    def __init__(self, permission: str, *, enrol: bool) -> None:
        super().__init__(permission)
        if enrol:
            self.message = "Set up a second factor first (beginSecondFactor, or beginPasskey)."
            self.message_zh = "请先设置双重验证（beginSecondFactor 或 beginPasskey）。"
        else:
            self.message = "Show your second factor again first (verifySecondFactor); the last time was too long ago."
            self.message_zh = "请先再次完成双重验证（verifySecondFactor），上次验证已过期。"
        self.enrol = enrol


class NotFound(Refusal):
    """It does not exist, or the asker may not know that it does."""

    code = "NOT_FOUND"

    def __init__(self, what: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(f"No such {what}.", zh=f"找不到该{_NOUNS_ZH.get(what, what)}。", path=path)
        self.what = what


class Conflict(Refusal):
    """It made sense a moment ago, and does not any more."""

    code = "CONFLICT"


class StaleVersion(Conflict):
    """Somebody else changed the thing since it was read."""

    code = "STALE_VERSION"

    def __init__(self, what: str, *, current_version: int) -> None:
        super().__init__(
            f"This {what} was changed since you read it; read it again (it is at version {current_version}).",
            zh=f"该{_NOUNS_ZH.get(what, what)}已有更新，请重新读取（当前版本 {current_version}）。",
        )
        self.current_version = current_version


class Unauthenticated(FondacoError):
    """The credentials are missing, wrong, expired or revoked; which of these is not told."""


class Outage(FondacoError):
    """Something outside failed; the same request may pass later."""


class SettingError(FondacoError):
    """A setting, a file or a port does not allow the system to start; the text is one sentence that says what to do."""


class Bug(FondacoError):
    """An invariant does not hold. Nobody catches this but the edges, which alert and answer with a masked message."""
