"""Second factors through the front door, in both languages, and nothing of them in the log."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pyotp.totp import TOTP
from starlette.applications import Starlette

from fondaco_core import clock, limits
from fondaco_core.config import Settings
from fondaco_core.db import Database
from tests.api.conftest import Logged
from tests.support.clock import later
from tests.support.factories.identity import make_member, make_user, some_email
from tests.support.factories.tenancy import make_tenant
from tests.support.shop import Visitor, open_shop

PASSWORD = "a password of four words"


@pytest.fixture(scope="module")
async def shop(settings: Settings, database: Database) -> AsyncIterator[Starlette]:
    assert database
    async with open_shop(settings) as app:
        yield app


async def sign_in(shop: Starlette, email: str, locale: str = "en") -> tuple[Visitor, dict[str, object]]:
    visitor = Visitor(shop)
    visitor.http.headers["accept-language"] = locale
    answer = await visitor.do(
        "signIn", "... on SignInSuccess { token } ... on SecondFactorRequired { challenge kinds }",
        email=email, password=PASSWORD, carrier="TOKEN",
    )  # fmt: skip
    token = answer.get("token")
    visitor.token = token if isinstance(token, str) else None
    return visitor, answer


async def test_a_person_sets_up_an_app_and_signs_in_with_it(shop: Starlette, logged: Logged) -> None:
    email = some_email()
    await make_member(await make_tenant(), user_id=await make_user(email=email, password=PASSWORD))
    person, _ = await sign_in(shop, email)
    begun = await person.do(
        "beginSecondFactor", "... on BeginSecondFactorSuccess { secret uri qrSvg }", password=PASSWORD
    )
    app = TOTP(begun["secret"])
    on = await person.do(
        "confirmSecondFactor", "... on ConfirmSecondFactorSuccess { recoveryCodes }", code=app.at(clock.now())
    )

    wrong = {}
    for locale in ("en", "zh-CN"):
        visitor, asked = await sign_in(shop, email, locale)
        wrong[locale] = await visitor.do(
            "completeSignIn", "", challenge=asked["challenge"], code="000000", carrier="TOKEN"
        )
        assert (asked["code"], asked["kinds"]) == ("SECOND_FACTOR_REQUIRED", ["APP", "RECOVERY_CODE"])
    visitor, asked = await sign_in(shop, email)
    done = await visitor.do(
        "completeSignIn", "... on CompleteSignInSuccess { token tenantSlug }",
        challenge=asked["challenge"], code=on["recoveryCodes"][0], carrier="TOKEN",
    )  # fmt: skip

    assert len(on["recoveryCodes"]) == limits.RECOVERY_CODES
    assert done["__typename"] == "CompleteSignInSuccess"
    assert wrong["en"]["code"] == wrong["zh-CN"]["code"] == "WRONG_CODE"
    assert "验证码" in wrong["zh-CN"]["message"]
    log = logged()
    secrets: tuple[Any, ...] = (begun["secret"], PASSWORD, done["token"], asked["challenge"], *on["recoveryCodes"])
    assert not [secret for secret in secrets if str(secret) in log]


async def test_a_sensitive_act_asks_for_the_factor_again(shop: Starlette) -> None:
    email = some_email()
    await make_member(await make_tenant(), user_id=await make_user(email=email, password=PASSWORD))
    person, _ = await sign_in(shop, email)
    begun = await person.do("beginSecondFactor", "... on BeginSecondFactorSuccess { secret }", password=PASSWORD)
    app = TOTP(begun["secret"])
    await person.do("confirmSecondFactor", "", code=app.at(clock.now()))

    with later(minutes=limits.SECOND_FACTOR_FRESH_MIN + 1):
        refused = await person.do("createApiClient", "", name="A machine", scopes=["orders.read"])
        factors = await person.data("{ viewer { secondFactors { app showAgain needed recoveryCodesLeft } } }")
        await person.do("verifySecondFactor", "", code=app.at(clock.now()))
        made = await person.do("createApiClient", "", name="A machine", scopes=["orders.read"])

    assert refused["code"] == "SECOND_FACTOR_NEEDED"
    assert factors["viewer"]["secondFactors"] == {
        "app": True, "showAgain": True, "needed": False, "recoveryCodesLeft": limits.RECOVERY_CODES,
    }  # fmt: skip
    assert made["__typename"] == "CreateApiClientSuccess"
