"""The gateways that this installation can speak with: kind → what makes its adapter. One file for each kind."""

from fondaco_tenants.payments.adapters.sandbox import SandboxGateway
from fondaco_tenants.payments.ports import Factory

FACTORIES: dict[str, Factory] = {"SANDBOX": SandboxGateway}
