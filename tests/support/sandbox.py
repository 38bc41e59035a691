"""The sandbox gateway as a process of its own, and what a test does there: press, turn switches, ask what was told."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2

from fondaco_core.ids import PaymentId
from fondaco_core.secret import Secret
from fondaco_tenants.payments.adapters.sandbox import SandboxGateway
from fondaco_tenants.payments.ports import GatewayConfig
from tests.support.breaking import ROOT, free_port
from tests.support.waiting import until

SECRET = "a-secret-of-the-sandbox-and-its-shop"


class Sandbox:
    """One sandbox gateway in a folder; it may be killed and started again, and finds its books again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx2.AsyncClient(base_url=self.url, trust_env=False, timeout=20)
        kept = folder / "sandbox"
        kept.mkdir(parents=True)
        (kept / "secret").write_text(SECRET, encoding="ascii")

    def gateway(self, **options: str) -> SandboxGateway:
        """Our side of it."""
        return SandboxGateway(GatewayConfig("sandbox", self.url, {"timeout_s": "0.5", **options}), Secret(SECRET))

    async def start(self) -> None:
        """Starts it, and returns when it answers."""
        self._launch()
        await until(self._answers, seconds=60)

    def _launch(self) -> None:
        environment = {
            "PATH": os.environ["PATH"], "FONDACO_DATA": str(self.folder), "FONDACO_SANDBOX_PORT": str(self.port),
        }  # fmt: skip
        with (self.folder / "sandbox.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fondaco_ops", "sandbox-gateway"],
                env=environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "sandbox.log").read_text()
        try:
            return (await self._http.get("/healthz")).is_success
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """Kill -9."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    async def aclose(self) -> None:
        """Ends it with the test."""
        self.kill()
        await self._http.aclose()

    async def switch(self, fault: str, **more: object) -> None:
        """Turns on a misbehaviour."""
        answer = await self._http.post("/control/switches", json={"fault": fault, **more})
        assert answer.is_success, answer.text

    async def reset(self) -> None:
        """Turns all off."""
        await self._http.delete("/control/switches")

    async def switches(self) -> list[dict[str, Any]]:
        """What is on."""
        found: list[dict[str, Any]] = (await self._http.get("/control/switches")).json()["switches"]
        return found

    async def press(self, payment_id: UUID | str, **given: object) -> dict[str, Any]:
        """Pays, or whatever is said."""
        answer = await self._http.post(f"/control/payments/{payment_id}/press", json=given)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def again(self, payment_id: UUID | str) -> None:
        """Has it tell once more."""
        answer = await self._http.post(f"/control/payments/{payment_id}/again")
        assert answer.is_success, answer.text

    async def shown(self, payment_id: UUID | str) -> dict[str, Any]:
        """A payment in its books, with what was told of it."""
        answer = await self._http.get(f"/control/payments/{payment_id}")
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def has_told(self, payment_id: PaymentId | UUID | str) -> bool:
        """Whether everything that there is to tell of a payment was told or given up."""
        told = (await self.shown(payment_id))["told"]
        return all(each["ended"] for each in told)
