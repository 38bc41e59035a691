"""Every permission that is asked for exists, and every use case asks for one first."""

import ast
from collections.abc import Iterator
from pathlib import Path

from fondaco_core.identity import PERMISSIONS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("platform", "tenants", "workers")

# Use cases that need no permission, or not first; each with its reason.
OPEN = {
    "audit.record": "writes down what another use case has done",
    "audit.record_many": "writes down what another use case has done",
    "codes.reveal_codes": "by the door one comes through; whose order it is, delivery and orders have seen to",
    "codes.withdraw_bound": "part of quarantining and voiding, which have asked",
    "orders.ask_look_up": "a visitor's own doing, who is told nothing",
    "orders.close_orders": "part of cancelling and expiring, which have asked",
    "orders.within_budgets": "part of placing an order, which has asked",
    "delivery.refuse_plain": "a question that other use cases begin with",
    "identity.find_own_name": "one's own name, and nobody else's",
    "identity.find_session": "one's own sessions; machines, guests and strangers are refused",
    "identity.list_sessions": "one's own sessions; machines, guests and strangers are refused",
    "identity.issue_reset": "by the door one comes through: the platform's people were asked, and who forgot proves by mail",
    "identity.revoke_clients_of": "part of taking an account back, which was proved by mail",
    "identity.revoke_other_sessions": "one's own sessions; machines, guests and strangers are refused",
    "identity.revoke_session": "one's own sessions; others' need members.edit, and else do not exist",
    "identity.start_session": "called with credentials that were right, by errands alone",
    "routing.apply": "part of setting a policy and of adding a source, which have asked",
    "routing.locked_source": "part of changing, removing, pausing and resuming one, which have asked",
    "tenancy.require_active": "a question that other use cases begin with",
    "tenancy.get_tenant": "one's own tenant; any other needs platform.read",
    "customers.register_customer": "a visitor's own doing; the tenant must be active",
    "customers.find_or_create_guest": "a visitor's own doing, at a checkout",
    "customers.customers_by_ids": "a buyer sees oneself; anybody else needs customers.read",
    "customers.get_customer": "a buyer sees oneself; anybody else needs customers.read",
}
# Of these, those that ask at once, though only in some cases.
CONDITIONAL = {"tenancy.get_tenant", "customers.get_customer", "customers.register_customer"}
ASKS = ("require", "_require")


def functions() -> Iterator[tuple[str, ast.AsyncFunctionDef]]:
    """Every public use case of every module, by `module.function`."""
    for root in SOURCES:
        for path in sorted((ROOT / root).rglob("*.py")):
            parts = path.relative_to(ROOT / root).parts
            if path.name != "service.py" and "service" not in parts[:-1]:
                continue
            module = parts[parts.index("service") - 1] if "service" in parts else parts[-2]
            for node in ast.parse(path.read_text()).body:
                if not isinstance(node, ast.AsyncFunctionDef) or node.name.startswith("_"):
                    continue
                names = [argument.arg for argument in node.args.posonlyargs + node.args.args]
                if names[:2] == ["tx", "ctx"]:
                    yield f"{module}.{node.name}", node


def first_calls(node: ast.AsyncFunctionDef) -> set[str]:
    """The names of what the first statement after the docstring calls."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return {_name(each) for each in ast.walk(body[0]) if isinstance(each, ast.Call)}


def asking() -> set[str]:
    """The use cases whose first statement asks for a permission, or calls a use case of the same module that does."""
    calls = {name: first_calls(node) for name, node in functions()}
    found = {name for name, called in calls.items() if any(each.startswith(ASKS) for each in called)}
    while True:
        more = {
            name
            for name, called in calls.items()
            if any(f"{name.partition('.')[0]}.{each}" in found for each in called)
        }
        if more <= found:
            return found
        found |= more


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def test_every_use_case_asks_first() -> None:
    asks = asking()

    assert [name for name, _ in functions() if name not in asks and name not in OPEN] == []


def test_an_exception_is_one() -> None:
    assert sorted(OPEN.keys() & (asking() - CONDITIONAL)) == []


def test_the_list_of_exceptions_names_use_cases_that_exist() -> None:
    assert sorted(OPEN.keys() - {name for name, _ in functions()}) == []


def test_every_permission_that_is_asked_for_exists() -> None:
    asked: dict[str, str] = {}
    for root in SOURCES:
        for path in (ROOT / root).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in {"require", "has"}
                ):
                    for each in (part for argument in node.args for part in ast.walk(argument)):
                        if isinstance(each, ast.Constant) and isinstance(each.value, str) and "." in each.value:
                            asked[each.value] = str(path.relative_to(ROOT))

    assert {name: where for name, where in asked.items() if name not in PERMISSIONS} == {}


def test_every_permission_is_asked_for_somewhere() -> None:
    text = "".join(
        path.read_text() for root in SOURCES for path in (ROOT / root).rglob("*.py") if path.name != "rules.py"
    )

    assert [name for name in PERMISSIONS if f'"{name}"' not in text] == []
