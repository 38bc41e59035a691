"""What a phone number is, and what of a contact may be shown."""

import re
from enum import StrEnum

from fondaco_tenants.customers.errors import BadContact

# E.164: a plus sign, a country code that does not begin with 0, fifteen digits at most.
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
_PHONE_FILLER = str.maketrans("", "", " -.()")


class CustomerKind(StrEnum):
    """Whether a buyer has an account."""

    REGISTERED = "REGISTERED"
    GUEST = "GUEST"


def normalised_phone(text: str) -> str:
    """The form in which two spellings of one number are equal, as in E.164; BadContact when it is none."""
    number = text.strip().translate(_PHONE_FILLER)
    if number.startswith("00"):
        number = "+" + number[2:]
    if _PHONE.fullmatch(number) is None:
        raise BadContact
    return number


def masked_contact(contact: str) -> str:
    """What of a normalised contact its merchant's people see: `a***@example.com`, `+86*******000`."""
    name, at, host = contact.partition("@")
    if at:
        return f"{name[0]}***@{host}"
    hidden = len(contact) - 6
    return f"{contact[:3]}{'*' * hidden}{contact[-3:]}"
