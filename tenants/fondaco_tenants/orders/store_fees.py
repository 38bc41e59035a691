"""What the platform takes of a sale, as statements that quote ask it: by the seller's plan and the goods' category."""


def fee_bps(*, tenant: str, entitlement: str) -> str:
    """An expression of the share that a row of `tenant`, by its alias, pays for goods of an entitlement, in basis points."""
    return f"""CASE WHEN {tenant}.plan_id IS NULL THEN {tenant}.fee_bps ELSE (
  SELECT pf.fee_bps FROM plan pl JOIN entitlement en ON en.id = {entitlement}
  JOIN plan_fee pf ON pf.plan_id = pl.id AND pf.version = pl.version AND pf.category IN ('', en.category)
  WHERE pl.id = {tenant}.plan_id ORDER BY pf.category DESC LIMIT 1
) END"""
