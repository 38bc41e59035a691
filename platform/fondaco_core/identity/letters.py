"""What identity writes to people by mail, in English and Chinese: short, without pictures, and with one address to go to."""

from dataclasses import dataclass
from string import Template
from urllib.parse import quote

from fondaco_core.secret import Secret


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail's subject and text; the text of some holds a token."""

    subject: str
    text: Secret[str]


_EN = {
    "invitation": (
        "You are invited to $tenant",
        (
            "Hello,\n\nyou are invited to work for $tenant. Open this address to accept and to choose a password; it holds for "
            "$hours hours and once:\n\n$url\n\nIf you do not know $tenant, do nothing.\n"
        ),
    ),
    "reset": (
        "Choose a new password",
        (
            "Hello,\n\nopen this address to choose a new password; it holds for $hours hours and once:\n\n$url\n\n"
            "If you did not ask for it, do nothing: your password stays as it is.\n"
        ),
    ),
    "elsewhere": (
        "You signed in at a new place",
        (
            "Hello,\n\nsomebody signed in to your account at $time (UTC), from the address $ip, with:\n\n  $agent\n\n"
            "If that was you, do nothing. If not, choose a new password at once; that ends every session:\n\n$url\n"
        ),
    ),
    "factor": (
        "Your second factor was changed",
        (
            "Hello,\n\nhow your account proves that it is you was changed at $time (UTC). If that was not you, choose a new "
            "password at once and tell the platform:\n\n$url\n"
        ),
    ),
    "destination": (
        "Money of $tenant may be paid to another account",
        (
            "Hello,\n\nsomebody who works for $tenant added an account that its money may be paid to: $account. It may be used from "
            "$time (UTC).\n\nIf you do not know it, remove it, end every session and choose a new password at once:\n\n$url\n"
        ),
    ),
    "verify": (
        "Is this your address?",
        (
            "Hello,\n\nopen this address to say that the account at $tenant is yours; it holds for $hours hours and once:\n\n$url\n\n"
            "If you have no account there, do nothing.\n"
        ),
    ),
}
_ZH = {
    "invitation": (
        "$tenant 邀请您加入",
        (
            "您好：\n\n$tenant 邀请您成为其成员。请打开以下地址接受邀请并设置密码，$hours 小时内有效，仅可使用一次：\n\n$url\n\n"
            "如果您不认识 $tenant，请忽略此邮件。\n"
        ),
    ),
    "reset": (
        "设置新密码",
        "您好：\n\n请打开以下地址设置新密码，$hours 小时内有效，仅可使用一次：\n\n$url\n\n如果不是您本人申请，请忽略此邮件，密码不会改变。\n",
    ),
    "elsewhere": (
        "您的账号在新环境登录",
        (
            "您好：\n\n您的账号于 $time（UTC）从地址 $ip 登录，使用的程序为：\n\n  $agent\n\n"
            "如果是您本人，无需处理。如果不是，请立即设置新密码，所有会话将随之结束：\n\n$url\n"
        ),
    ),
    "factor": (
        "您的双重验证方式已变更",
        "您好：\n\n您账号的验证方式于 $time（UTC）发生变更。如果不是您本人操作，请立即设置新密码并联系平台：\n\n$url\n",
    ),
    "destination": (
        "$tenant 新增了收款账户",
        (
            "您好：\n\n$tenant 的成员新增了一个收款账户：$account，$time（UTC）后可用于提现。\n\n"
            "如果您不认识该账户，请立即删除它，结束所有会话并设置新密码：\n\n$url\n"
        ),
    ),
    "verify": (
        "请确认您的邮箱",
        "您好：\n\n请打开以下地址确认 $tenant 的账号属于您，$hours 小时内有效，仅可使用一次：\n\n$url\n\n如果您没有该账号，请忽略此邮件。\n",
    ),
}


def write_letter(kind: str, locale: str, **values: object) -> Letter:
    """A mail in the reader's language; a line break in a name is none in a mail."""
    subject, text = (_ZH if locale == "zh-CN" else _EN)[kind]
    plain = {name: " ".join(str(value).split())[:300] for name, value in values.items()}
    return Letter(Template(subject).substitute(plain), Secret(Template(text).substitute(plain)))


def address_of(public_url: str, page: str, token: Secret[str] | None = None) -> str:
    """The address of one of identity's pages; a token stands behind the #, where no log and no referrer has it."""
    shown = "" if token is None else f"#{quote(token.reveal(), safe='')}"
    return f"{public_url}/account/{page}{shown}"
