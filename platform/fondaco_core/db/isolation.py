"""Who may touch which row: the database roles, the row level security policies, and the short list of global tables.

Roles (architecture.md, 7.1):

fondaco_owner     owns and migrates; nothing connects as it but `fondaco migrate` and `fondaco doctor`
fondaco_tenant    every ordinary request and job; sees rows of `app.tenant_id` only
fondaco_trade     placing, paying and settling over a chain: like fondaco_tenant, and in TRADED tables every tenant's rows
fondaco_platform  platform admins and platform-wide jobs; reads over tenants, never a code's ciphertext
"""

from dataclasses import dataclass, field

from sqlalchemy import MetaData, Table

ROLES = ("fondaco_tenant", "fondaco_trade", "fondaco_platform")

# The tenant and the person of this transaction; null outside of one, which no row equals.
CURRENT_TENANT = "nullif(current_setting('app.tenant_id', true), '')::uuid"
CURRENT_USER = "nullif(current_setting('app.user_id', true), '')::uuid"
# What a credential that is shown names before anybody is known: the hash of a token, an e-mail address.
SHOWN_TOKEN = "decode(nullif(current_setting('app.token', true), ''), 'hex')"  # noqa: S105 - how a setting is read
SHOWN_EMAIL = "nullif(current_setting('app.email', true), '')"


@dataclass(frozen=True, slots=True)
class Isolation:
    """How one table is guarded.

    kind      "owned", "shared", "person" (a row of a person, who may belong to several tenants: seen under `too`), or "global"
              (no policy: rows belong to nobody, or are looked up before a tenant is known)
    parties   the columns of which one must be the current tenant
    too       a further condition under which a row is one's own: for reading and writing, of persons for reading only
    added     what a row of a person must be like that a tenant adds
    also      a further condition under which a row is visible, for reading only
    changeable  the state in which a row may still be changed, by anybody; empty for any
    reason    why a table is global, or why a grant or condition is unusual
    trade     fondaco_trade sees and writes every tenant's rows
    tenant    privileges of fondaco_tenant; by default nothing is ever deleted
    trade_grant  privileges of fondaco_trade; None for the same as fondaco_tenant
    platform  privileges of fondaco_platform, over all tenants
    hidden    columns that fondaco_platform never reads nor changes
    """

    kind: str = "owned"
    parties: tuple[str, ...] = ("tenant_id",)
    too: str = ""
    added: str = ""
    also: str = ""
    changeable: str = ""
    reason: str = ""
    trade: bool = False
    tenant: str = "SELECT, INSERT, UPDATE"
    trade_grant: str | None = None
    platform: str = "SELECT"
    hidden: tuple[str, ...] = field(default=())


def isolation_of(table: Table) -> Isolation:
    """How the table is guarded; a table that does not say so is a programmer's error."""
    guard = table.info.get("isolation")
    assert isinstance(guard, Isolation), f"{table.name} does not say whose its rows are"
    return guard


def guarded(**kwargs: object) -> dict[str, object]:
    """The info of a table, as its `__table_args__` take it; the arguments are those of Isolation."""
    return {"isolation": Isolation(**kwargs)}  # type: ignore[arg-type]


def statements_for(table: Table) -> list[str]:
    """The DDL that guards one table: enable and force row level security, policies, grants."""
    guard = isolation_of(table)
    name = f'"{table.name}"'
    ddl = [f"REVOKE ALL ON {name} FROM PUBLIC"]
    if guard.kind == "person":
        ddl += [
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY seen ON {name} FOR SELECT TO fondaco_tenant, fondaco_trade USING ({guard.too})",
            f"CREATE POLICY added ON {name} FOR INSERT TO fondaco_tenant WITH CHECK ({guard.added})",
            f"CREATE POLICY platform ON {name} TO fondaco_platform USING (true) WITH CHECK (true)",
            f"CREATE POLICY owner ON {name} TO fondaco_owner USING (true) WITH CHECK (true)",
        ]
    elif guard.kind != "global":
        mine = " OR ".join(
            [*(f"{party} = {CURRENT_TENANT}" for party in guard.parties), *([guard.too] if guard.too else [])]
        )
        to = "fondaco_tenant" if guard.trade else "fondaco_tenant, fondaco_trade"
        ddl += [
            f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant ON {name} TO {to} USING ({mine}) WITH CHECK ({mine})",
            f"CREATE POLICY platform ON {name} TO fondaco_platform USING (true) WITH CHECK (true)",
            f"CREATE POLICY owner ON {name} TO fondaco_owner USING (true) WITH CHECK (true)",
        ]
        if guard.also:
            ddl.append(f"CREATE POLICY also ON {name} FOR SELECT TO fondaco_tenant, fondaco_trade USING ({guard.also})")
        if guard.changeable:
            ddl.append(
                f"CREATE POLICY changeable ON {name} AS RESTRICTIVE FOR UPDATE TO {', '.join(ROLES)}"
                f" USING ({guard.changeable}) WITH CHECK (true)"
            )
        if guard.trade:
            ddl.append(f"CREATE POLICY trade ON {name} TO fondaco_trade USING (true) WITH CHECK (true)")
    if guard.tenant:
        ddl.append(f"GRANT {guard.tenant} ON {name} TO fondaco_tenant")
    trade = guard.tenant if guard.trade_grant is None else guard.trade_grant
    if trade:
        ddl.append(f"GRANT {trade} ON {name} TO fondaco_trade")
    if guard.platform:
        ddl.extend(_platform_grants(table, guard))
    return ddl


def _platform_grants(table: Table, guard: Isolation) -> list[str]:
    if not guard.hidden:
        return [f'GRANT {guard.platform} ON "{table.name}" TO fondaco_platform']
    shown = ", ".join(f'"{column.name}"' for column in table.columns if column.name not in guard.hidden)
    grants = []
    for privilege in (part.strip() for part in guard.platform.split(",")):
        columns = f" ({shown})" if privilege.startswith(("SELECT", "UPDATE")) else ""
        grants.append(f'GRANT {privilege}{columns} ON "{table.name}" TO fondaco_platform')
    return grants


def global_tables(metadata: MetaData) -> dict[str, str]:
    """Every table without a policy, with the reason that its definition gives."""
    return {
        table.name: isolation_of(table).reason
        for table in metadata.sorted_tables
        if isolation_of(table).kind == "global"
    }
