"""customers: buyers as one tenant knows them.

Owns     customer, customer_proof.
Promises a contact is sealed with its tenant's key and found by a keyed hash of that tenant alone, so that nobody is
         followed from one merchant to another; an account never opens what a guest with the same contact bought, for
         nobody proved whose the contact is; blocking a buyer takes nothing away that was bought.
Stands on identity, tenancy, keyring.
"""

from fondaco_tenants.customers.errands import (
    ask_for_password,
    change_customer_password,
    sign_in_customer,
    sign_up_customer,
)
from fondaco_tenants.customers.errors import BadContact, ContactTaken, CustomerBlocked, ProofInvalid
from fondaco_tenants.customers.events import CustomerBarred, CustomerProofMade, CustomerReadmitted, CustomerRegistered
from fondaco_tenants.customers.invariants import INVARIANTS
from fondaco_tenants.customers.proofs import ask_for_verification, mail_proof, reset_customer_password, verify_contact
from fondaco_tenants.customers.rules import CustomerKind, masked_contact
from fondaco_tenants.customers.service import (
    Customer,
    block_customer,
    contact_lookup,
    create_buyer_client,
    create_customer,
    customers_by_ids,
    find_or_create_guest,
    get_customer,
    is_guest,
    list_customers,
    normalised_contact,
    open_contact,
    register_customer,
    require_welcome,
    rotate_client_secret,
    unblock_customer,
)

__all__ = [
    "INVARIANTS",
    "BadContact",
    "ContactTaken",
    "Customer",
    "CustomerBarred",
    "CustomerBlocked",
    "CustomerKind",
    "CustomerProofMade",
    "CustomerReadmitted",
    "CustomerRegistered",
    "ProofInvalid",
    "ask_for_password",
    "ask_for_verification",
    "block_customer",
    "change_customer_password",
    "contact_lookup",
    "create_buyer_client",
    "create_customer",
    "customers_by_ids",
    "find_or_create_guest",
    "get_customer",
    "is_guest",
    "list_customers",
    "mail_proof",
    "masked_contact",
    "normalised_contact",
    "open_contact",
    "register_customer",
    "require_welcome",
    "reset_customer_password",
    "rotate_client_secret",
    "sign_in_customer",
    "sign_up_customer",
    "unblock_customer",
    "verify_contact",
]
