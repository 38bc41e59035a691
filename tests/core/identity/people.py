"""People who sign in, for the tests of identity."""

from dataclasses import dataclass
from uuid import uuid4

from pyotp.totp import TOTP

from fondaco_core import clock, identity
from fondaco_core.context import Ctx
from fondaco_core.identity import MemberRole, PlatformRole, SignedIn
from fondaco_core.ids import TenantId
from fondaco_core.secret import Secret
from tests.support.factories.identity import make_member, make_user, some_email
from tests.support.factories.tenancy import make_tenant

PASSWORD = Secret("a password of four words")


def visitor() -> Ctx:
    """Somebody at an address of their own, so that no test waits for another's wrong codes."""
    return Ctx(request_id=uuid4().hex, ip=f"2001:db8:{uuid4().hex[:4]}:{uuid4().hex[:4]}::1")


@dataclass(slots=True)
class Person:
    """Somebody who works for a merchant and is signed in."""

    email: str
    tenant_id: TenantId
    signed_in: SignedIn

    async def ctx(self) -> Ctx:
        """Who they are now, as a request would find out."""
        return await identity.authenticate_bearer(self.signed_in.session.token, visitor())


async def make_person(role: MemberRole = MemberRole.OWNER) -> Person:
    """Somebody who is signed in by a password."""
    tenant_id, email = await make_tenant(), some_email()
    await make_member(tenant_id, user_id=await make_user(email=email, password=PASSWORD.reveal()), role=role)
    return Person(email, tenant_id, await identity.sign_in(visitor(), email=email, password=PASSWORD))


async def make_admin() -> Person:
    """One of the platform's own people, signed in by a password."""
    email = some_email()
    await make_user(email=email, password=PASSWORD.reveal(), platform_role=PlatformRole.ADMIN)
    signed_in = await identity.sign_in(visitor(), email=email, password=PASSWORD)
    return Person(email, TenantId(uuid4()), signed_in)


async def add_app(person: Person) -> tuple[TOTP, list[str]]:
    """Sets up an app of codes for somebody; answers it and the codes for paper."""
    ctx = await person.ctx()
    pending = await identity.begin_second_factor(ctx, password=PASSWORD)
    app = TOTP(pending.secret.reveal())
    codes = await identity.confirm_second_factor(ctx, code=code_of(app))
    return app, [code.reveal() for code in codes]


def code_of(app: TOTP) -> str:
    """What the app shows at this moment of the test's clock."""
    return app.at(clock.now())
