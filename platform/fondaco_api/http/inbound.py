"""`POST /gateways/{key}/notify`: what gateways send. Kept as it came, judged by its signature, answered as its gateway wants it.

Nothing is paid here: a good notification has somebody ask the gateway. So it does not matter who could forge one, beyond the
noise; forgeries are kept as evidence up to a bound, and who sends many is not listened to for a while.
"""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from fondaco_api.http.body import BodyError, read_body
from fondaco_api.http.middleware import stranger
from fondaco_api.http.misses import Misses
from fondaco_core import clock, limits
from fondaco_core.errors import NotFound, Outage
from fondaco_core.logs import get_logger
from fondaco_tenants import payments
from fondaco_tenants.payments import RawNotification, Verdict

log = get_logger(__name__)
_misses = Misses("forged", most=limits.FORGED_PER_ADDRESS_MAX, most_all=limits.FORGED_PER_ADDRESS_MAX)


async def notify(request: Request) -> Response:
    """Takes one notification; the sender is known by its signature alone, and asks for no session and no token."""
    key, ip = request.path_params["key"], stranger(request).ip
    valkey = request.app.state.process.valkey
    if await _misses.too_many(valkey, ip=ip, link=key):
        return PlainTextResponse("", 429, headers={"retry-after": str(limits.LINK_MISSES_S)})
    try:
        body = await read_body(request.scope, request.receive, most=limits.NOTIFICATION_BYTES_MAX)
        # Header names come in lower case already; of one that is sent twice, the last counts.
        headers = dict(request.headers.items())
        received = await payments.receive_notification(key, RawNotification(body, headers, clock.now()), ip=ip)
    except BodyError as error:
        return PlainTextResponse("", error.status)
    except NotFound:
        await _misses.count(valkey, ip=ip, link=key)
        return PlainTextResponse("", 404)
    except Outage as outage:
        log.warning("gateway.not_spoken_with", gateway=key, error=type(outage).__name__)
        return PlainTextResponse("", 503)
    if received.verdict is Verdict.FORGED:
        await _misses.count(valkey, ip=ip, link=key)
    answer = received.answer
    return Response(answer.body, answer.status, media_type=answer.media_type)


routes: list[BaseRoute] = [Route("/gateways/{key}/notify", notify, methods=["POST"])]
