"""Settings: one frozen object, read once from the environment; nothing else reads it."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fondaco_core.errors import SettingError
from fondaco_core.secret import Secret

Profile = Literal["local", "production"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator decides. Secrets have no default; a process that needs one and lacks it refuses to start.

    `database_url` names the owner's login; the application itself connects to the same server as the restricted roles,
    whose passwords are derived from `role_secret` (fondaco_core.db.engine).
    """

    host: str = "127.0.0.1"
    port: int = 8000
    data_dir: Path = Path(".fondaco")
    database_url: Secret[str] | None = None
    redis_url: Secret[str] | None = None
    role_secret: Secret[str] | None = None
    master_key: Secret[str] | None = None
    master_key_file: Path | None = None
    profile: Profile = "local"
    public_url: str = "http://127.0.0.1:8000"
    allowed_origins: tuple[str, ...] = ()
    log_level: str = "INFO"
    database_pool: int = 12
    worker_threads: int = 4
    # Where worker, relay and scheduler show their metrics, each in a container of its own; None shows none. The API has /metrics.
    metrics_port: int | None = None
    # Where the sandbox gateway listens, on this machine only; None takes a free port at the first start and keeps it.
    sandbox_port: int | None = None
    # The collector that traces go to by OTLP over HTTP, and the share of them that is kept; None traces nothing.
    traces_url: str | None = None
    traces_share: float = 1.0
    # Networks that requests to addresses of merchants may reach in addition to the public internet, there also without TLS.
    reachable_networks: tuple[Network, ...] = ()
    # Whose word counts about where a request comes from (X-Forwarded-For); nobody else's. Empty is nobody's.
    trusted_proxies: tuple[Network, ...] = ()
    # How mail leaves, and the address it comes from (fondaco_core.mail). Without it nothing is mailed, and deliveries say so.
    mail_url: Secret[str] | None = None
    mail_from: str = ""
    # A gateway for text messages (fondaco_tenants.delivery.adapters.http_messenger), and what lets us in there.
    sms_url: Secret[str] | None = None
    sms_token: Secret[str] | None = None

    def require_database_url(self) -> Secret[str]:
        """The owner's URL, or a refusal that names the variable."""
        if self.database_url is None:
            msg = "FONDACO_DATABASE_URL is not set; start everything with `fondaco up`, or name a PostgreSQL server."
            raise SettingError(msg)
        return self.database_url

    def require_redis_url(self) -> Secret[str]:
        """The queue's URL, or a refusal that names the variable."""
        if self.redis_url is None:
            msg = "FONDACO_REDIS_URL is not set; start everything with `fondaco up`, or name a Valkey or Redis server."
            raise SettingError(msg)
        return self.redis_url

    def require_role_secret(self) -> Secret[str]:
        """The secret behind the database roles' passwords, or a refusal that names the variable."""
        if self.role_secret is None:
            msg = "FONDACO_ROLE_SECRET is not set; it must be the secret that `fondaco migrate` ran with."
            raise SettingError(msg)
        return self.role_secret


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks every setting; raises SettingError with one sentence that names the variable at fault."""
    env = os.environ if environ is None else environ
    host = env.get("FONDACO_HOST", "").strip() or "127.0.0.1"
    port = _integer(env, "FONDACO_PORT", 8000, least=1, most=65_535)
    return Settings(
        host=host,
        port=port,
        data_dir=Path(env.get("FONDACO_DATA") or ".fondaco").expanduser().absolute(),
        database_url=_url(env, "FONDACO_DATABASE_URL", ("postgresql", "postgres")),
        redis_url=_url(env, "FONDACO_REDIS_URL", ("redis", "rediss", "unix")),
        role_secret=_secret(env, "FONDACO_ROLE_SECRET", least=16),
        master_key=_secret(env, "FONDACO_MASTER_KEY", least=16),
        master_key_file=Path(env["FONDACO_MASTER_KEY_FILE"]) if env.get("FONDACO_MASTER_KEY_FILE") else None,
        profile=_profile(env),
        public_url=_public_url(env, host, port),
        allowed_origins=tuple(
            o.strip().rstrip("/") for o in env.get("FONDACO_ALLOWED_ORIGINS", "").split(",") if o.strip()
        ),
        log_level=_level(env),
        database_pool=_integer(env, "FONDACO_DATABASE_POOL", 12, least=1, most=200),
        worker_threads=_integer(env, "FONDACO_WORKER_THREADS", 4, least=1, most=64),
        metrics_port=_integer(env, "FONDACO_METRICS_PORT", 0, least=1, most=65_535) or None,
        sandbox_port=_integer(env, "FONDACO_SANDBOX_PORT", 0, least=1, most=65_535) or None,
        traces_url=_traces_url(env),
        traces_share=_share(env, "FONDACO_TRACES_SHARE", 1.0),
        reachable_networks=_networks(env, "FONDACO_REACHABLE_NETWORKS"),
        trusted_proxies=_networks(env, "FONDACO_TRUSTED_PROXIES"),
        mail_url=_url(env, "FONDACO_MAIL_URL", ("smtp", "smtps")),
        mail_from=env.get("FONDACO_MAIL_FROM", "").strip(),
        sms_url=_url(env, "FONDACO_SMS_URL", ("https", "http")),
        sms_token=_secret(env, "FONDACO_SMS_TOKEN", least=16),
    )


def _integer(env: Mapping[str, str], name: str, default: int, *, least: int, most: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        msg = f"{name} is {text!r}; it must be a whole number from {least} to {most}."
        raise SettingError(msg)
    return int(text)


def _secret(env: Mapping[str, str], name: str, *, least: int) -> Secret[str] | None:
    text = env.get(name, "")
    if not text:
        return None
    if len(text) < least:
        msg = f"{name} is too short; it needs at least {least} characters."
        raise SettingError(msg)
    return Secret(text)


def _url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> Secret[str] | None:
    text = env.get(name, "").strip()
    if not text:
        return None
    if text.split("://")[0] not in schemes or "://" not in text:
        msg = f"{name} must be a URL that begins with {schemes[0]}://."
        raise SettingError(msg)
    return Secret(text)


def _networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    named = env.get(name, "").split(",")
    try:
        return tuple(ipaddress.ip_network(text.strip()) for text in named if text.strip())
    except ValueError as failure:
        msg = f"{name} must be networks with commas between them, such as 10.1.0.0/16 ({failure})."
        raise SettingError(msg) from failure


def _profile(env: Mapping[str, str]) -> Profile:
    match env.get("FONDACO_PROFILE", "local"):
        case "local":
            return "local"
        case "production":
            return "production"
        case other:
            msg = f"FONDACO_PROFILE is {other!r}; it must be local or production."
            raise SettingError(msg)


def _public_url(env: Mapping[str, str], host: str, port: int) -> str:
    text = env.get("FONDACO_PUBLIC_URL", "").strip().rstrip("/")
    if text and not text.startswith(("http://", "https://")):
        msg = f"FONDACO_PUBLIC_URL is {text!r}; it must begin with http:// or https://."
        raise SettingError(msg)
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    return text or f"http://{shown}:{port}"


def _traces_url(env: Mapping[str, str]) -> str | None:
    text = env.get("FONDACO_TRACES_URL", "").strip().rstrip("/")
    if text and not text.startswith(("http://", "https://")):
        msg = f"FONDACO_TRACES_URL is {text!r}; it must begin with http:// or https://."
        raise SettingError(msg)
    return text or None


def _share(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "").strip()
    if not text:
        return default
    if re.fullmatch(r"[01]|0?\.[0-9]{1,6}", text) is None:
        msg = f"{name} is {text!r}; it must be a number from 0 to 1, such as 0.05."
        raise SettingError(msg)
    return float(text)


def _level(env: Mapping[str, str]) -> str:
    level = env.get("FONDACO_LOG_LEVEL", "INFO").upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        msg = f"FONDACO_LOG_LEVEL is {level!r}; it must be DEBUG, INFO, WARNING or ERROR."
        raise SettingError(msg)
    return level
