"""What the demo world sells. Names are of real brands, as shops list them; the codes are made up and open nothing."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from fondaco_tenants.catalog import FulfilmentKind

_SYMBOLS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_DIGITS = "0123456789"


def _text(symbols: str, length: int) -> str:
    return "".join(secrets.choice(symbols) for _ in range(length))


def sixteen() -> str:
    """Four groups of four letters and digits, as game cards have them."""
    return "-".join(_text(_SYMBOLS, 4) for _ in range(4))


def card_and_pin() -> str:
    """A card number of 16 digits and a PIN of 8, as gift cards have them; a line of CSV."""
    return f"{_text('123456789', 1)}{_text(_DIGITS, 15)},{_text(_DIGITS, 8)}"


def link() -> str:
    """A redemption address with a token of its own."""
    return f"https://redeem.example.com/g/{_text(_SYMBOLS.lower(), 24)}"


@dataclass(frozen=True, slots=True)
class Good:
    """One standard of the platform, its usual price and the shape of its codes."""

    sku: str
    brand: str
    name: str
    name_zh: str
    category: str
    kind: FulfilmentKind
    face_minor: int | None
    price_minor: int
    cost_minor: int
    make: Callable[[], str]
    redemption: str
    redemption_zh: str
    region: str = "CN"
    validity_days: int | None = None
    restrictions: str | None = None
    restrictions_zh: str | None = None


GOODS = (
    Good("steam-50-cny", "Steam", "Steam Wallet 50 CNY", "Steam 钱包充值卡 50 元", "games", FulfilmentKind.CODE, 5_000, 4_880, 4_550, sixteen,
         "Steam → your account name → Account details → Add funds → Redeem a gift card.", "Steam → 账户名 → 账户明细 → 充值 → 兑换礼品卡。"),
    Good("steam-100-cny", "Steam", "Steam Wallet 100 CNY", "Steam 钱包充值卡 100 元", "games", FulfilmentKind.CODE, 10_000, 9_750, 9_150, sixteen,
         "Steam → your account name → Account details → Add funds → Redeem a gift card.", "Steam → 账户名 → 账户明细 → 充值 → 兑换礼品卡。"),
    Good("bnet-100-cny", "Battle.net", "Battle.net balance 100 CNY", "战网点数 100 元", "games", FulfilmentKind.CODE, 10_000, 9_680, 9_080, sixteen,
         "account.battle.net → Account → Redeem a code.", "战网通行证 → 账号 → 兑换代码。"),
    Good("nintendo-20-usd", "Nintendo", "Nintendo eShop 20 USD", "任天堂 eShop 20 美元", "games", FulfilmentKind.CODE, None, 13_900, 12_800, sixteen,
         "Nintendo eShop → Add funds → Enter code.", "任天堂 eShop → 充值 → 输入代码。", region="US"),
    Good("iqiyi-vip-1m", "iQIYI", "iQIYI VIP 1 month", "爱奇艺黄金 VIP 月卡", "video", FulfilmentKind.CODE, None, 1_890, 1_420, sixteen,
         "iQIYI app → My → VIP → Redeem code.", "爱奇艺 App → 我的 → VIP 会员 → 激活码兑换。", validity_days=31,
         restrictions="One account; two devices at a time.", restrictions_zh="限一个账号；同时最多两台设备。"),
    Good("tencent-video-1m", "Tencent Video", "Tencent Video VIP 1 month", "腾讯视频 VIP 月卡", "video", FulfilmentKind.CODE, None, 1_980, 1_500, sixteen,
         "Tencent Video app → VIP → Redemption.", "腾讯视频 App → VIP 会员 → 兑换 VIP。", validity_days=31,
         restrictions="One account; not for televisions.", restrictions_zh="限一个账号；不支持电视端。"),
    Good("spotify-3m", "Spotify", "Spotify Premium 3 months", "Spotify 高级会员 3 个月", "music", FulfilmentKind.LINK, None, 9_900, 8_600, link,
         "Open the link while signed in to Spotify.", "登录 Spotify 后打开链接。", region="GLOBAL", validity_days=90,
         restrictions="New and returning subscribers.", restrictions_zh="仅限新用户或回归用户。"),
    Good("jd-ecard-100", "JD.com", "JD e-gift card 100 CNY", "京东 E 卡 100 元", "gift cards", FulfilmentKind.CODE, 10_000, 9_850, 9_600, card_and_pin,
         "JD app → My → Gift cards → Bind a card: number and PIN.", "京东 App → 我的 → 礼品卡 → 绑定新卡:输入卡号与卡密。", validity_days=1_095),
    Good("starbucks-coffee", "Starbucks", "Starbucks coffee voucher, tall", "星巴克中杯咖啡兑换券", "food", FulfilmentKind.QR, None, 2_680, 2_150, link,
         "Show the QR code at the counter.", "到店向店员出示二维码。", validity_days=60),
)  # fmt: skip
