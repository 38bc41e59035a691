"""custody: keys through their life, while the system runs: new ones, and the end of those of a merchant that has left.

Owns     key_change.
Promises every sealed value opens at every moment of a rotation; a rotation that was cut off goes on where it stood; a key
         that is said to be replaced seals nothing any more; what buyers bought outlives their merchant's keys.
Stands on keyring, tenancy, audit, outbox.
"""
