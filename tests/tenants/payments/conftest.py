"""Payments of these tests go through fakes of the port."""

from collections.abc import AsyncIterator

import pytest

from tests.support.factories.payments import FakeGateway, fake_gateways, make_gateway


@pytest.fixture
async def gateway(database: object) -> AsyncIterator[FakeGateway]:
    """A gateway of the platform's, switched on."""
    assert database
    async with fake_gateways():
        yield await make_gateway()
