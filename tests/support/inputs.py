"""Inputs of mutations made from their types, with one id at a time that is another's."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_required_input_field,
)

# The type of node that each id of an input is of.
IDS = {
    ("RotateTenantKeyInput", "tenantId"): "Tenant",
    ("ReverseRedemptionInput", "redemptionId"): "Redemption",
    ("ReleaseCodeLockInput", "redemptionId"): "Redemption",
    ("GenerateCodesInput", "poolId"): "Pool",
    ("ExportStockInput", "poolId"): "Pool",
    ("ExportStockInput", "batchId"): "CodeBatch",
    ("DestroyTenantKeysInput", "tenantId"): "Tenant",
    ("AcceptAgreementInput", "agreementId"): "Agreement",
    ("AcceptAgreementInput", "tierId"): "Tier",
    ("AddSourceInput", "listingId"): "Listing",
    ("AddSourceInput", "offerId"): "Offer",
    ("AddSourceInput", "poolId"): "Pool",
    ("AddSourceInput", "supplierOfferId"): "SupplyOffer",
    ("ApproveApiClientInput", "apiClientId"): "ApiClient",
    ("ApproveTenantInput", "tenantId"): "Tenant",
    ("ArchiveListingInput", "id"): "Listing",
    ("ArchivePoolInput", "id"): "Pool",
    ("BlockCustomerInput", "customerId"): "Customer",
    ("CancelOrderInput", "orderId"): "Order",
    ("ChangeAgreementInput", "agreementId"): "Agreement",
    ("ChangeAgreementInput", "tierId"): "Tier",
    ("ChangeMemberRoleInput", "memberId"): "Member",
    ("ChangePlanInput", "planId"): "Plan",
    ("ChangeTierTermsInput", "tierId"): "Tier",
    ("CloseTenantInput", "tenantId"): "Tenant",
    ("CreateApiClientInput", "customerId"): "Customer",
    ("CreateDeliveryLinkInput", "allocationId"): "Allocation",
    ("CreateDeliveryLinkInput", "orderId"): "Order",
    ("CreateListingInput", "entitlementId"): "Entitlement",
    ("CreateListingInput", "storeId"): "Store",
    ("CreateOfferInput", "entitlementId"): "Entitlement",
    ("CreatePoolInput", "entitlementId"): "Entitlement",
    ("CreateSupplyInvitationInput", "referrerId"): "Partner",
    ("CreateSupplyInvitationInput", "tierId"): "Tier",
    ("CreditWalletInput", "customerId"): "Customer",
    ("DeclineAgreementInput", "agreementId"): "Agreement",
    ("EndAgreementInput", "agreementId"): "Agreement",
    ("EndBreakGlassInput", "breakGlassId"): "BreakGlass",
    ("ImportCodesInput", "poolId"): "Pool",
    ("ImportCodesInput", "uploadId"): "Upload",
    ("MakeEvidenceInput", "codeId"): "Code",
    ("MakeUnitEvidenceInput", "allocationId"): "Allocation",
    ("ListingPriceInput", "listingId"): "Listing",
    ("OrderLineInput", "listingId"): "Listing",
    ("PauseListingInput", "id"): "Listing",
    ("PauseSourceInput", "id"): "Source",
    ("PayOrderInput", "orderId"): "Order",
    ("PreviewImportInput", "poolId"): "Pool",
    ("PreviewImportInput", "uploadId"): "Upload",
    ("PublishListingInput", "id"): "Listing",
    ("PublishOfferInput", "id"): "Offer",
    ("QuarantineCodesInput", "ids"): "Code",
    ("RecordDepositInput", "tenantId"): "Tenant",
    ("RefundOrderInput", "allocationIds"): "Allocation",
    ("RefundOrderInput", "orderId"): "Order",
    ("RegisterClientKeyInput", "apiClientId"): "ApiClient",
    ("ReleaseCodesInput", "ids"): "Code",
    ("RemoveMemberInput", "memberId"): "Member",
    ("RemoveSourceInput", "id"): "Source",
    ("ResendDeliveryInput", "deliveryId"): "Delivery",
    ("ReplaceUnitInput", "allocationId"): "Allocation",
    ("RepayCreditInput", "agreementId"): "Agreement",
    ("ReportLeakInput", "codeId"): "Code",
    ("RequestAgreementInput", "supplierId"): "Partner",
    ("ResumeAgreementInput", "agreementId"): "Agreement",
    ("ResumeTenantInput", "tenantId"): "Tenant",
    ("TraceCodeInput", "codeId"): "Code",
    ("RetireClientKeyInput", "apiClientId"): "ApiClient",
    ("ResolveDifferenceInput", "differenceId"): "ReconciliationDifference",
    ("RetireEntitlementInput", "id"): "Entitlement",
    ("OpenBreakGlassInput", "tenantId"): "Tenant",
    ("RestrictApiClientInput", "apiClientId"): "ApiClient",
    ("ResetDeliveryTemplateInput", "listingId"): "Listing",
    ("ResetDeliveryTemplateInput", "storeId"): "Store",
    ("RotateApiClientSecretInput", "apiClientId"): "ApiClient",
    ("ResumeSourceInput", "id"): "Source",
    ("RevealCodeInput", "allocationId"): "Allocation",
    ("RevealOrderInput", "orderId"): "Order",
    ("RevealOwnCodeInput", "id"): "Code",
    ("RetryRefundInput", "refundId"): "RefusedRefund",
    ("RecordPayoutInput", "refundId"): "RefusedRefund",
    ("RevealNotificationInput", "notificationId"): "PaymentNotification",
    ("RevokeApiClientInput", "apiClientId"): "ApiClient",
    ("RevokeDeliveryLinkInput", "linkId"): "DeliveryLink",
    ("RevokeSessionInput", "sessionId"): "Session",
    ("RevokeSupplyInvitationInput", "invitationId"): "SupplyInvitation",
    ("SaveDeliveryTemplateInput", "listingId"): "Listing",
    ("SaveDeliveryTemplateInput", "storeId"): "Store",
    ("SetOfferPricesInput", "offerId"): "Offer",
    ("SetRoutingPolicyInput", "listingId"): "Listing",
    ("SetRoutingPolicyInput", "offerId"): "Offer",
    ("SetOfferPricesInput", "tierId"): "Tier",
    ("SetTenantFeesInput", "planId"): "Plan",
    ("SetTenantFeesInput", "tenantId"): "Tenant",
    ("StartPaymentInput", "orderId"): "Order",
    ("SuspendAgreementInput", "agreementId"): "Agreement",
    ("SuspendTenantInput", "tenantId"): "Tenant",
    ("TakeBackGiftInput", "orderId"): "Order",
    ("UnblockCustomerInput", "customerId"): "Customer",
    ("UndoBatchInput", "id"): "CodeBatch",
    ("UpdateEntitlementInput", "id"): "Entitlement",
    ("UpdateListingInput", "id"): "Listing",
    ("UpdateOfferInput", "id"): "Offer",
    ("UpdatePoolInput", "id"): "Pool",
    ("UpdateSourceInput", "id"): "Source",
    ("UpdateStoreInput", "id"): "Store",
    ("UpdateTierInput", "tierId"): "Tier",
    ("DeleteWebhookEndpointInput", "endpointId"): "WebhookEndpoint",
    ("DisableWebhookEndpointInput", "endpointId"): "WebhookEndpoint",
    ("EnableWebhookEndpointInput", "endpointId"): "WebhookEndpoint",
    ("ResendFailedWebhookMessagesInput", "endpointId"): "WebhookEndpoint",
    ("RotateWebhookSecretInput", "endpointId"): "WebhookEndpoint",
    ("SendTestEventInput", "endpointId"): "WebhookEndpoint",
    ("UpdateWebhookEndpointInput", "endpointId"): "WebhookEndpoint",
    ("ResendWebhookMessageInput", "messageId"): "WebhookMessage",
    ("VoidCodesInput", "ids"): "Code",
    ("ApproveWithdrawalInput", "withdrawalId"): "Withdrawal",
    ("CancelWithdrawalInput", "withdrawalId"): "Withdrawal",
    ("MarkWithdrawalPaidInput", "withdrawalId"): "Withdrawal",
    ("RefuseWithdrawalInput", "withdrawalId"): "Withdrawal",
    ("RemoveWithdrawalDestinationInput", "destinationId"): "WithdrawalDestination",
    ("RequestStatementInput", "partnerId"): "Partner",
    ("RequestWithdrawalInput", "destinationId"): "WithdrawalDestination",
    ("ShowWithdrawalDestinationInput", "withdrawalId"): "Withdrawal",
    ("WithdrawOfferInput", "id"): "Offer",
}
# The platform's own standards are the same for everybody.
COMMON = {"Entitlement"}

Path = tuple[str, ...]
# The id to give for a type of node, for the one that is another's and for all the rest.
Choose = Callable[[str, bool], str]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Fills inputs with what is valid and, as far as may be, means nothing."""

    choose: Choose
    # What fields of these names are given, where any text would not do.
    named: dict[str, Any]

    def build(self, kind: GraphQLInputObjectType, target: Path) -> dict[str, Any]:
        """An input in which the id at `target` is another's: what is required, and what leads there."""
        made: dict[str, Any] = {}
        for name, field in kind.fields.items():
            leads = bool(target) and target[0] == name
            if not leads and not is_required_input_field(field):
                continue
            made[name] = self._value(kind.name, name, field.type, target[1:] if leads else (), leads=leads)
        # Codes to import are given in one of several ways.
        if kind.name == "ImportCodesInput" and target != ("uploadId",):
            made["lines"] = [uuid4().hex.upper()]
        # What is filled, and from where, are each one of two.
        if kind.name == "AddSourceInput":
            for one, other in (("listingId", "offerId"), ("poolId", "supplierOfferId")):
                if other not in made and one not in made:
                    made[one] = self.choose(IDS[kind.name, one], False)  # noqa: FBT003 - as `Choose` says
        # A file is of what is past, and its beginning before its end.
        if kind.name == "RequestStatementInput":
            made |= {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
        if kind.name == "CreateApiClientInput":
            made["scopes"] = ["buyer.read"] if target else ["orders.read"]
        return made

    def _value(self, parent: str, name: str, kind: Any, target: Path, *, leads: bool) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return self._value(parent, name, kind.of_type, target, leads=leads)
        if isinstance(kind, GraphQLList):
            return [self._value(parent, name, kind.of_type, target, leads=leads)]
        if isinstance(kind, GraphQLInputObjectType):
            return self.build(kind, target)
        if isinstance(kind, GraphQLEnumType):
            return self.named.get(name, next(iter(kind.values)))
        if kind.name == "ID":
            return self.choose(IDS[parent, name], leads)
        plain = {
            "Int": 1,
            "Boolean": True,
            "Decimal": "1.00",
            "CurrencyCode": "CNY",
            "DateTime": "2999-01-01T00:00:00Z",
        }
        return self.named.get(name, plain.get(kind.name, f"some {name} of {uuid4().hex[:8]}"))


def ids_of(kind: GraphQLInputObjectType) -> Iterator[tuple[Path, tuple[str, str]]]:
    """Where ids stand in an input, however deep, each with its type and field."""
    for name, field in kind.fields.items():
        below = get_named_type(field.type)
        if isinstance(below, GraphQLInputObjectType):
            yield from (((name, *path), key) for path, key in ids_of(below))
        elif below.name == "ID":
            yield (name,), (kind.name, name)
