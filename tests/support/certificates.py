"""Certificates of a test's own: an authority that nobody else knows, and what it says of servers."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from fondaco_core import clock


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority with a folder to put its files into."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def file(self) -> Path:
        """Its certificate, for whoever is to believe it."""
        return self.folder / "authority.pem"

    def server(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """What a server of these names or addresses shows; already over when `days` is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        shown = x509.SubjectAlternativeName([_name(each) for each in names])
        made = _sign(names[0], key, self.key, self.certificate.subject, days=days).add_extension(shown, critical=False)
        file = self.folder / f"{names[0].replace('.', '-')}-{days}.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + made.sign(self.key, SHA256()).public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def make_authority(folder: Path) -> Authority:
    """An authority of its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _subject("An authority of a test")
    made = _sign("An authority of a test", key, key, subject, days=2)
    certificate = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, SHA256())
    made_authority = Authority(folder, key, certificate)
    made_authority.file.write_bytes(certificate.public_bytes(Encoding.PEM))
    return made_authority


def _sign(
    name: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, issuer: x509.Name, *, days: int
) -> x509.CertificateBuilder:
    now = clock.now()
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
