"""What merchants' systems hear: public types, and the fields of each; ids, states and counts, and nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fondaco_tenants.webhooks.errors import UnknownEventType
from fondaco_tenants.webhooks.rules.forms import Field, Kind, PublicType

# The form of all payloads; an endpoint keeps the one it was made with.
API_VERSION: Final = "2026-11-22"


def public_payload(event: str, told: Mapping[str, object]) -> tuple[PublicType, dict[str, Any]]:
    """What is told of an event: its public type, and the fields that the catalogue names and no others."""
    public = BY_EVENT[event]
    return public, {field.name: field.read(told.get(field.source)) for field in public.fields}


def checked_types(wanted: Sequence[str]) -> list[str]:
    """Types that an endpoint wants, in order and once each; UnknownEventType when one is none, or there is none at all."""
    types = sorted(set(wanted))
    for each in types:
        if each not in BY_TYPE:
            raise UnknownEventType(each)
    if not types:
        raise UnknownEventType("")
    return types


def _of(name: str, source: str, node: str, says: str, *, optional: bool = False) -> Field:
    return Field(name, source, Kind.ID, says, node=node, optional=optional)


def _in_state(says: str, *words: str, name: str = "state", source: str = "state", optional: bool = False) -> Field:
    return Field(name, source, Kind.STATE, says, words=words, optional=optional)


def _many(name: str, says: str, *, source: str | None = None, optional: bool = False) -> Field:
    return Field(name, source or name, Kind.COUNT, says, optional=optional)


_ORDER: Final = _of("orderId", "order_id", "Order", "The order.")
_BATCH: Final = _of("batchId", "batch_id", "CodeBatch", "The import.")
_POOL: Final = _of("poolId", "pool_id", "Pool", "The pool.")
_LISTING: Final = _of("listingId", "listing_id", "Listing", "The listing.")
_CUSTOMER: Final = _of("customerId", "customer_id", "Customer", "The buyer.")
_LINK: Final = _of("linkId", "link_id", "DeliveryLink", "The link.")
_UNIT: Final = _of("allocationId", "allocation_id", "Allocation", "The unit.")
_DELIVERY: Final = _of("deliveryId", "delivery_id", "Delivery", "The delivery.")
_PAYMENT: Final = _of("paymentId", "payment_id", "Payment", "The payment.")
_PAID_ORDER: Final = _of("orderId", "order_id", "Order", "The order; null when it was for a wallet.", optional=True)
_REDEMPTION: Final = _of("redemptionId", "redemption_id", "Redemption", "The redemption.")
_CODE: Final = _of("codeId", "code_id", "Code", "The code.")
_BREAK_GLASS: Final = _of("breakGlassId", "break_glass_id", "BreakGlass", "The access, with its reason.")
_TIER: Final = _of("tierId", "tier_id", "Tier", "The tier.")
_LOT: Final = Field("lot", "lot", Kind.LOT, "The lot's number, by which both parties know its units.")
_AGREEMENT: Final = _of("agreementId", "agreement_id", "Agreement", "The agreement.")
_CURRENCY_FIELD: Final = Field("currency", "currency", Kind.CURRENCY, "The currency of the amount.")
_WITHDRAWAL: Final = (
    _of("withdrawalId", "withdrawal_id", "Withdrawal", "The withdrawal."),
    _many("amountMinor", "The amount in minor units.", source="amount_minor"), _CURRENCY_FIELD,
)  # fmt: skip
_OWED_AMOUNT: Final = (_many("amountMinor", "How much, in minor units.", source="amount_minor"), _CURRENCY_FIELD)
_RESALE_PRICES: Final = (
    _many("askedMinor", "What a unit is sold for, in minor units.", source="asked_minor"),
    _many("leastMinor", "The least that it may be sold for, in minor units.", source="least_minor"),
    _CURRENCY_FIELD,
)

CATALOGUE: Final[tuple[PublicType, ...]] = (
    PublicType(
        "order.placed", "order.placed", "An order was placed; `state` says how far it is already.", "已下单。",
        (_ORDER, _in_state("Its state.")),
    ),
    PublicType("order.fulfilled", "order.fulfilled", "Every unit of an order has its code.", "订单已全部发货。", (_ORDER,)),
    PublicType(
        "order.closed", "order.closed", "An unpaid order ended; its stock is free again.", "未付款订单已关闭。",
        (_ORDER, _in_state("How it ended.", "CANCELLED", "EXPIRED")),
    ),
    PublicType(
        "order.refunded", "order.refunded", "Units of an order were refunded.", "订单已退款。",
        (_ORDER, _many("units", "How many units.")),
    ),
    PublicType(
        "batch.imported", "batch.imported", "An import of codes is done; its counts are final.", "卡密导入完成。",
        (
            _BATCH, _POOL, _many("accepted", "How many codes came in."), _many("duplicates", "How many were there already."),
            _many("rejected", "How many lines were none."),
        ),
    ),
    PublicType(
        "batch.undone", "batch.undone", "An import was undone; its codes left the stock unsold.", "导入批次已撤销。",
        (_BATCH, _POOL, _many("codes", "How many codes left.")),
    ),
    PublicType("customer.registered", "customer.registered", "A buyer has an account.", "买家已注册。", (_CUSTOMER,)),
    PublicType("customer.blocked", "customer.blocked", "A buyer was blocked.", "买家已被屏蔽。", (_CUSTOMER,)),
    PublicType("customer.unblocked", "customer.unblocked", "A buyer is served again.", "买家已解除屏蔽。", (_CUSTOMER,)),
    PublicType(
        "delivery_link.created", "delivery_link.created", "Somebody made a link to an order's codes.", "已创建提货链接。",
        (_LINK, _ORDER),
    ),
    PublicType(
        "delivery_link.opened", "delivery_link.opened", "Somebody opened a link and saw the codes behind it.",
        "提货链接已被打开。", (_LINK, _ORDER, _many("opens", "How often it was opened so far.")),
    ),
    PublicType(
        "delivery_link.revoked", "delivery_link.revoked", "Somebody withdrew a link.", "提货链接已撤销。", (_LINK, _ORDER)
    ),
    PublicType(
        "wallet.credited", "wallet.credited", "A wallet has more money: the merchant's, or a buyer's.", "钱包已入账。",
        (
            _of("customerId", "customer_id", "Customer", "The buyer; null for the merchant's own.", optional=True),
            _many("amountMinor", "The amount in minor units.", source="amount_minor"), _CURRENCY_FIELD,
        ),
    ),
    PublicType(
        "payment.captured", "payment.captured", "A gateway says that the money is there.", "支付网关已确认收款。",
        (_PAYMENT, _PAID_ORDER),
    ),
    PublicType(
        "payment.settled", "payment.settled", "Money that was paid has done what it came for, or is on its way back.",
        "款项已入账或正在退回。", (_PAYMENT, _PAID_ORDER, _in_state("Which of these.", name="outcome", source="outcome")),
    ),
    PublicType(
        "payment.ended", "payment.ended", "A payment ended without money.", "支付已关闭或失败。",
        (_PAYMENT, _in_state("How it ended.")),
    ),
    PublicType(
        "payment.alarm", "payment.alarm", "A gateway contradicts itself; nothing is booked until somebody has looked.",
        "支付网关结果自相矛盾，需人工核对。", (_PAYMENT, _in_state("In what.", name="reason", source="reason")),
    ),
    PublicType(
        "payment_refund.ended", "payment_refund.ended", "Money that was paid by a gateway was given back.", "款项已退回。",
        (_PAYMENT, Field("intoWallet", "into_wallet", Kind.FLAG, "Whether into the wallet, as its source did not take it.")),
    ),
    PublicType(
        "payment_refund.alarm", "payment_refund.alarm", "A gateway refused to give a guest's money back: a person has to.",
        "支付网关拒绝退款，需人工退款。", (_PAYMENT,),
    ),
    PublicType(
        "unit.replaced", "unit.replaced", "A unit whose code was bad has another one.", "问题卡密已更换。",
        (_ORDER, _UNIT, Field("seen", "seen", Kind.FLAG, "Whether its buyer had seen the bad one.")),
    ),
    PublicType(
        "unit.failed", "unit.failed", "A unit's code is bad, and support should look.", "卡密有问题，需要客服处理。",
        (_ORDER, _UNIT, _in_state("What became of the unit.", name="became", source="became")),
    ),
    PublicType("delivery.sent", "delivery.sent", "A mail or message server has taken a delivery.", "提货通知已发出。",
               (_DELIVERY, _ORDER)),
    PublicType("delivery.failed", "delivery.failed", "A delivery was given up: somebody has to look.", "提货通知发送失败。",
               (_DELIVERY, _ORDER)),
    PublicType(
        "reveal.unusual", "reveal.unusual", "Codes were shown in an unusual way.", "卡密查看行为异常。",
        (_in_state("Which rule.", name="rule", source="rule"), _many("count", "How many within the window; codes are counted up to twice the usual.")),
    ),
    PublicType(
        "stock.low", "stock.low", "A pool has little left.", "库存不足。",
        (
            _POOL, _many("available", "How many are for sale."),
            _many("lowStockAt", "The number below which you are told.", source="low_stock_at"),
        ),
    ),
    PublicType("stock.out", "stock.out", "A pool has nothing left to sell.", "库存已售罄。", (_POOL,)),
    PublicType(
        "stock.back", "stock.back", "A pool has something, or enough, again.", "库存已恢复。",
        (_POOL, _in_state("How much.", "ENOUGH", "LOW", name="band", source="band")),
    ),
    PublicType(
        "listing_stock.low", "listing_stock.low", "Little is left of a listing, in all of its pools together.", "商品库存不足。",
        (
            _LISTING, _many("available", "How many buyers can buy."),
            _many("lowStockAt", "The number below which you are told.", source="low_stock_at"),
        ),
    ),
    PublicType("listing_stock.out", "listing_stock.out", "Buyers can buy nothing more of a listing.", "商品已售罄。", (_LISTING,)),
    PublicType(
        "listing_stock.back", "listing_stock.back", "There is something, or enough, of a listing again.", "商品库存已恢复。",
        (_LISTING, _in_state("How much.", "ENOUGH", "LOW", name="band", source="band")),
    ),
    PublicType(
        "stock.changed", "stock.changed",
        "There is more or less of a listing of yours, or of what a supplier offers you, than you were last told; at most one for each in "
        "some seconds.",
        "库存数量已变化。",
        (
            _of("listingId", "listing_id", "Listing", "Your listing; null of an offer.", optional=True),
            _of("supplyOfferId", "offer_id", "SupplyOffer", "Your supplier's offer; null of a listing.", optional=True),
            Field("available", "available", Kind.FLAG, "Whether there is any."),
            _many("units", "How many, exact up to 1,000; null when the supplier's tier does not say.", optional=True),
            _in_state(
                "How much; null when the supplier's tier does not say.", "OUT", "LOW", "IN_STOCK", name="stockClass",
                source="stock_class", optional=True,
            ),
        ),
    ),
    PublicType(
        "source.paused", "source.paused",
        "A source of a listing or of an offer of yours is paused: it failed, or a person said so. Others that fill the same serve it.",
        "货源已暂停。",
        (
            _of("sourceId", "source_id", "Source", "The source."),
            _of("listingId", "listing_id", "Listing", "What it fills; null when it fills an offer.", optional=True),
            _of("offerId", "offer_id", "Offer", "What it fills; null when it fills a listing.", optional=True),
            _in_state(
                "Why.", "BAD_CODES", "STOCK_OUTS", "UNREADABLE", "PERSON", name="reason", source="reason"
            ),
            Field("until", "until", Kind.MOMENT, "When it is tried again; null: when a person resumes it.", optional=True),
        ),
    ),
    PublicType(
        "source.resumed", "source.resumed", "Orders come to a source again that was paused.", "货源已恢复。",
        (
            _of("sourceId", "source_id", "Source", "The source."),
            _of("listingId", "listing_id", "Listing", "What it fills; null when it fills an offer.", optional=True),
            _of("offerId", "offer_id", "Offer", "What it fills; null when it fills a listing.", optional=True),
        ),
    ),
    PublicType(
        "batch.expiring", "batch.expiring", "Codes in stock expire soon; once for each number of days.", "卡密即将过期。",
        (
            _BATCH, _POOL, _many("days", "Within how many days."), _many("codes", "How many codes."),
            Field("expiresAt", "expires_at", Kind.MOMENT, "When the first of them expires."),
        ),
    ),
    PublicType(
        "stock.exported", "stock.exported", "Unsold codes left for their owner, encrypted; they are for sale no more.",
        "未售卡密已加密导出。",
        (_of("exportId", "export_id", "StockExport", "The export."), _POOL, _many("codes", "How many codes.")),
    ),
    PublicType(
        "code.redeemed", "code.redeemed", "A code of your own making was redeemed.", "自有卡密已核销。", (_REDEMPTION, _CODE)
    ),
    PublicType(
        "redemption.reversed", "redemption.reversed", "A redemption was taken back: the code can be redeemed again.",
        "核销已撤销。", (_REDEMPTION, _CODE),
    ),
    PublicType(
        "redemption.alarm", "redemption.alarm", "Somebody showed codes that do not exist, and was shut out for a while.",
        "有人反复提交不存在的卡密，已被暂时拒绝。",
        (_many("misses", "How many."), _many("windowSeconds", "Within how many seconds.", source="window_s")),
    ),
    PublicType(
        "agreement.changed", "agreement.changed", "An agreement with a supplier or a reseller is another than it was; told to both.",
        "供货协议有变更。",
        (
            _AGREEMENT,
            _of("supplierId", "supplier_tenant_id", "Partner", "Who sells."),
            _of("resellerId", "reseller_tenant_id", "Partner", "Who buys."),
            _in_state("Its state.", "REQUESTED", "ACTIVE", "SUSPENDED", "ENDED", "DECLINED"),
            _in_state(
                "What was done.", "REQUESTED", "JOINED", "ACCEPTED", "DECLINED", "SUSPENDED", "RESUMED", "ENDED", "MOVED",
                name="change", source="change",
            ),
        ),
    ),
    PublicType(
        "tier.terms_set", "tier.terms_set", "What a tier grants from a moment on was set; told to the supplier and its resellers.",
        "等级条款已设定。", (_TIER, Field("startsAt", "starts_at", Kind.MOMENT, "From when it grants that.")),
    ),
    PublicType(
        "supply.offer_changed", "supply.offer_changed",
        "An offer that you may buy of is published, withdrawn, or something else is said of it, such as its minimum resale price.",
        "您可采购的供货项有变更。",
        (
            _of("supplyOfferId", "offer_id", "SupplyOffer", "The offer."),
            _in_state("How it stands.", "PUBLISHED", "WITHDRAWN"),
        ),
    ),
    PublicType(
        "supply.price_coming", "supply.price_coming",
        "What a supplier's offer costs you from a moment on was set; the offer's prices hold what more units cost.",
        "供货项的价格即将变更。",
        (
            _of("supplyOfferId", "offer_id", "SupplyOffer", "The offer."), _TIER,
            Field("startsAt", "starts_at", Kind.MOMENT, "From when it costs that; it may have begun."),
            _many(
                "unitPriceMinor", "What a single unit costs then, in minor units; null when you do not get it any more.",
                source="unit_price_minor", optional=True,
            ),
            _CURRENCY_FIELD,
        ),
    ),
    PublicType(
        "supply.resale_price_breached", "supply.resale_price_breached",
        "A reseller asks less for a unit in its store than your offer allows; once for each breach.", "经销商售价低于最低转售价。",
        (
            _of("offerId", "offer_id", "Offer", "Your offer."),
            _of("resellerId", "reseller_tenant_id", "Partner", "The reseller."),
            _of("listingId", "listing_id", "Listing", "What it sells."), *_RESALE_PRICES,
        ),
    ),
    PublicType(
        "supply.resale_price_too_low", "supply.resale_price_too_low",
        "A listing of yours asks less for a unit than its supplier's offer allows; once for each breach.", "商品售价低于供货商的最低转售价。",
        (_of("supplyOfferId", "offer_id", "SupplyOffer", "The supplier's offer."), _LISTING, *_RESALE_PRICES),
    ),
    PublicType(
        "supply.sold", "supply.sold", "A reseller bought units of your offer, and they are paid.", "分销商采购了您的供货。",
        (
            _of("supplySaleId", "hop_id", "SupplySale", "The sale."), _of("offerId", "offer_id", "Offer", "The offer."),
            _many("units", "How many units."), _LOT,
        ),
    ),
    PublicType(
        "supply.leak_reported", "supply.leak_reported",
        "A code of a lot that you bought turned up where it should not be; once for each code.", "您采购批次中的卡密被发现外泄。",
        (_of("leakId", "leak_id", "Leak", "The leak, with the lot or order that it went on in."), _LOT),
    ),
    PublicType(
        "supply.path_traced", "supply.path_traced",
        "The platform's people traced a code that passed through your hands; the audit log says who and why.", "平台追溯了经由您的卡密。",
        (Field("lot", "lot", Kind.LOT, "The number of one of your lots that it was in; null when it was in none.", optional=True),),
    ),
    PublicType(
        "fees.changed", "tenant.fees_changed",
        "What the platform takes of your sales is another from now on, or its plan says it anew; `merchant.fees` has it.", "平台费率有变更。",
        (Field("tenantId", "tenant_id", Kind.ID, "Your merchant.", node="Tenant"),),
    ),
    PublicType(
        "credit.repaid", "credit.repaid", "What a reseller owed its supplier was paid in whole or in part; told to both.",
        "授信欠款已还款。",
        (_AGREEMENT, *_OWED_AMOUNT),
    ),
    PublicType(
        "credit.overdue", "credit.overdue",
        "What a reseller owes its supplier is overdue: its wallet did not bear it; told to both, once in a day.", "授信欠款已逾期。",
        (_AGREEMENT, *_OWED_AMOUNT),
    ),
    PublicType(
        "settlement.paid_out", "settlement.paid_out",
        "Money from sales went into your wallet; taken back out of it when the amount is negative.", "销售款已结算入钱包。",
        (_many("amountMinor", "The amount in minor units.", source="amount_minor"), _CURRENCY_FIELD),
    ),
    PublicType(
        "withdrawal_destination.added", "withdrawal_destination.added",
        "Somebody added an account that your money may be paid to after a while.", "已新增收款账户。",
        (
            _of("destinationId", "destination_id", "WithdrawalDestination", "The account."),
            Field("usableFrom", "usable_from", Kind.MOMENT, "From when it may be used."),
        ),
    ),
    *(
        PublicType(f"withdrawal.{word}", f"withdrawal.{word}", says, says_zh, _WITHDRAWAL)
        for word, says, says_zh in (
            ("requested", "Somebody asked for money of your wallet to be paid out; it is set aside.", "已申请提现。"),
            ("approved", "The platform will pay a withdrawal.", "提现已批准。"),
            ("paid", "A withdrawal has left.", "提现已付款。"),
            ("refused", "The platform refused a withdrawal; the money is in your wallet again.", "提现被拒绝，款项已退回钱包。"),
            ("cancelled", "A withdrawal was taken back; the money is in your wallet again.", "提现已取消，款项已退回钱包。"),
        )
    ),
    PublicType(
        "client.expiring", "client.ends_soon", "The credentials of a machine end soon.", "API 凭证即将到期。",
        (_of("apiClientId", "api_client_id", "ApiClient", "The API client."),),
    ),
    PublicType(
        "break_glass.opened", "break_glass.opened", "One of the platform's people looks at your side.",
        "平台人员已开启紧急访问。", (_BREAK_GLASS,),
    ),
    PublicType(
        "break_glass.ended", "break_glass.ended", "The platform's people look no more.", "平台紧急访问已结束。", (_BREAK_GLASS,)
    ),
    PublicType(
        "webhook.disabled", "webhook_endpoint.disabled", "An endpoint gets no more messages until somebody enables it.",
        "回调地址已停用。",
        (
            _of("endpointId", "endpoint_id", "WebhookEndpoint", "The endpoint."),
            _in_state("Why.", "GONE", "FAILING", "BY_HAND", name="reason", source="reason"),
        ),
    ),
)  # fmt: skip

# What sendTestEvent sends, to the one endpoint that is named; nothing has happened.
TEST: Final = PublicType(
    "webhook.test", "", "Somebody tries the endpoint out; nothing has happened.", "测试消息，没有发生任何事。",
    (_of("endpointId", "endpoint_id", "WebhookEndpoint", "The endpoint."),),
)  # fmt: skip

BY_EVENT: Final[Mapping[str, PublicType]] = {public.event: public for public in CATALOGUE}
BY_TYPE: Final[Mapping[str, PublicType]] = {public.name: public for public in CATALOGUE}
