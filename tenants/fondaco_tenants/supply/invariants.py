"""What is always true of supply: queries that return no rows."""

INVARIANTS = {
    "a tier has terms from its beginning on": """
        SELECT t.id FROM tier t
        WHERE NOT EXISTS (SELECT FROM tier_terms g WHERE g.tier_id = t.id AND g.starts_at <= t.created_at)
    """,
    "a tier's terms are of its supplier, and its credit is in one currency": """
        SELECT g.id FROM tier_terms g JOIN tier t ON t.id = g.tier_id WHERE g.tenant_id <> t.tenant_id
        UNION ALL
        SELECT tier_id FROM tier_terms WHERE currency IS NOT NULL GROUP BY tier_id HAVING count(DISTINCT currency) > 1
    """,
    "an agreement is in a tier of its supplier, and one that has not ended in none that was put away": """
        SELECT a.id FROM agreement a JOIN tier t ON t.id = a.tier_id
        WHERE t.tenant_id <> a.supplier_tenant_id
           OR (a.state IN ('REQUESTED', 'ACTIVE', 'SUSPENDED') AND t.archived_at IS NOT NULL)
    """,
    "both ends of an agreement have a name": """
        SELECT a.id FROM agreement a
        WHERE NOT EXISTS (SELECT FROM partner p WHERE p.tenant_id = a.supplier_tenant_id)
           OR NOT EXISTS (SELECT FROM partner p WHERE p.tenant_id = a.reseller_tenant_id)
    """,
    "what is used is counted once an agreement was in force, for its two ends": """
        SELECT a.id FROM agreement a WHERE a.state IN ('ACTIVE', 'SUSPENDED')
        AND NOT EXISTS (SELECT FROM agreement_use u WHERE u.agreement_id = a.id)
        UNION ALL
        SELECT u.agreement_id FROM agreement_use u JOIN agreement a ON a.id = u.agreement_id
        WHERE (u.supplier_tenant_id, u.reseller_tenant_id) <> (a.supplier_tenant_id, a.reseller_tenant_id)
           OR (u.credit_used_minor > 0 AND u.currency IS NULL)
    """,
    "a line in the place of a tier's has the currency of the tier's": """
        SELECT a.id FROM agreement a WHERE a.credit_minor IS NOT NULL
        AND NOT EXISTS (SELECT FROM tier_terms g WHERE g.tier_id = a.tier_id AND g.currency IS NOT NULL)
    """,
    "an invitation is to a tier of who made it": """
        SELECT i.id FROM supply_invitation i JOIN tier t ON t.id = i.tier_id WHERE t.tenant_id <> i.tenant_id
    """,
    "a price list begins with one unit, whole in one moment, and who takes more does not pay more": """
        SELECT offer_id FROM offer_price GROUP BY offer_id, tier_id, starts_at
        HAVING min(from_units) <> 1 OR count(DISTINCT created_at) > 1
            OR (count(*) > 1 AND count(unit_price_minor) < count(*))
        UNION ALL
        SELECT offer_id FROM (
          SELECT offer_id, unit_price_minor,
            lag(unit_price_minor) OVER (PARTITION BY offer_id, tier_id, starts_at ORDER BY from_units) AS before
          FROM offer_price
        ) p WHERE unit_price_minor > before
    """,
    "a price is of an offer and for a tier of the same supplier": """
        SELECT p.id FROM offer_price p JOIN offer o ON o.id = p.offer_id JOIN tier t ON t.id = p.tier_id
        WHERE p.tenant_id <> o.tenant_id OR p.tenant_id <> t.tenant_id
    """,
    "an offer says when it came to where it stands, and its supplier has a name": """
        SELECT o.id FROM offer o
        WHERE (o.state = 'DRAFT') <> (o.published_at IS NULL) OR (o.state = 'WITHDRAWN') <> (o.withdrawn_at IS NOT NULL)
           OR NOT EXISTS (SELECT FROM partner p WHERE p.tenant_id = o.tenant_id)
    """,
}
