"""notary: makes the audit log tamper-evident. Entries become leaves of one hash tree, whose root is signed again and again.

Owns     audit_leaf, audit_node, audit_checkpoint, audit_key.
Promises an entry that was sealed cannot be changed, removed or given another place without `verify` finding it, and none be
         inserted into the past; who keeps a checkpoint elsewhere finds that the end was cut off, too. A proof convinces
         whoever has the public key and nothing else of ours.
Stands on audit, keyring.
"""

from fondaco_core.notary.errands import Found, seal_next, verify
from fondaco_core.notary.errors import NotSealedYet
from fondaco_core.notary.rules import Checkpoint, Proof, canonical, check_proof, fingerprint_of, leaf_hash
from fondaco_core.notary.service import Sealed, last_checkpoint, prove, public_keys

__all__ = [
    "Checkpoint",
    "Found",
    "NotSealedYet",
    "Proof",
    "Sealed",
    "canonical",
    "check_proof",
    "fingerprint_of",
    "last_checkpoint",
    "leaf_hash",
    "prove",
    "public_keys",
    "seal_next",
    "verify",
]
