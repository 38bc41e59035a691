"""identity: who asks, and what they may do.

Owns     user_account, member, invitation, api_client, session, sign_in_attempt.
Promises permissions are decided in rules.py alone; a token is known to its bearer alone; what was revoked, expired or
         belongs to somebody who may not act any more stops working within limits.CREDENTIAL_CACHE_S; nobody hands out
         more than they hold; a tenant keeps an owner; signing in does not tell who has an account.
Stands on tenancy, audit, outbox, crypto.
"""

from fondaco_core.identity.errands.access import KnownClient, find_api_client, start_access
from fondaco_core.identity.errands.attempts import Attempt, count_attempt
from fondaco_core.identity.errands.authenticate import authenticate_bearer, authenticate_session
from fondaco_core.identity.errands.sign_in import SignedIn, accept_invitation, change_password, sign_in, sign_out
from fondaco_core.identity.errands.tokens import new_order_token
from fondaco_core.identity.errors import (
    AlreadyMember,
    BadEmail,
    EmailTaken,
    InvitationInvalid,
    LastOwner,
    RoleTooHigh,
    TenantChoiceNeeded,
    TooMany,
    TooManyAttempts,
    UnknownScope,
    WeakPassword,
    WrongCredentials,
)
from fondaco_core.identity.events import (
    ApiClientCreated,
    ApiClientRevoked,
    MemberInvited,
    MemberJoined,
    MemberRemoved,
    MemberRoleChanged,
)
from fondaco_core.identity.rules import (
    BUYER_PERMISSIONS,
    GUEST_PERMISSIONS,
    MERCHANT_PERMISSIONS,
    PERMISSIONS,
    PLATFORM_ADMIN_PERMISSIONS,
    ROLE_PERMISSIONS,
    MemberRole,
    PlatformRole,
    SessionKind,
    check_password,
    checked_scopes,
    normalised_email,
    permissions_in_state,
)
from fondaco_core.identity.service.clients import (
    ApiClient,
    clients_by_ids,
    create_api_client,
    get_api_client,
    list_api_clients,
    revoke_api_client,
)
from fondaco_core.identity.service.people import (
    Member,
    change_member_role,
    create_member,
    create_user,
    get_member,
    invite_member,
    invite_owner,
    list_members,
    members_by_ids,
    remove_member,
)
from fondaco_core.identity.service.sessions import (
    Session,
    Started,
    end_sessions,
    list_sessions,
    revoke_session,
    start_session,
)

__all__ = [
    "BUYER_PERMISSIONS",
    "GUEST_PERMISSIONS",
    "MERCHANT_PERMISSIONS",
    "PERMISSIONS",
    "PLATFORM_ADMIN_PERMISSIONS",
    "ROLE_PERMISSIONS",
    "AlreadyMember",
    "ApiClient",
    "ApiClientCreated",
    "ApiClientRevoked",
    "Attempt",
    "BadEmail",
    "EmailTaken",
    "InvitationInvalid",
    "KnownClient",
    "LastOwner",
    "Member",
    "MemberInvited",
    "MemberJoined",
    "MemberRemoved",
    "MemberRole",
    "MemberRoleChanged",
    "PlatformRole",
    "RoleTooHigh",
    "Session",
    "SessionKind",
    "SignedIn",
    "Started",
    "TenantChoiceNeeded",
    "TooMany",
    "TooManyAttempts",
    "UnknownScope",
    "WeakPassword",
    "WrongCredentials",
    "accept_invitation",
    "authenticate_bearer",
    "authenticate_session",
    "change_member_role",
    "change_password",
    "check_password",
    "checked_scopes",
    "clients_by_ids",
    "count_attempt",
    "create_api_client",
    "create_member",
    "create_user",
    "end_sessions",
    "find_api_client",
    "get_api_client",
    "get_member",
    "invite_member",
    "invite_owner",
    "list_api_clients",
    "list_members",
    "list_sessions",
    "members_by_ids",
    "new_order_token",
    "normalised_email",
    "permissions_in_state",
    "remove_member",
    "revoke_api_client",
    "revoke_session",
    "sign_in",
    "sign_out",
    "start_access",
    "start_session",
]
