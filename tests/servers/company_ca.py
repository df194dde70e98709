"""A company's own certificate authority, and certificates that it signs."""

import datetime
import itertools
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


class CompanyCa:
    """An authority that nobody outside the company knows.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Company CA")
        # What goes into SSL_CERT_FILE.
        self.certificate = folder / "company-ca.pem"
        only = x509.BasicConstraints(ca=True, path_length=None)
        made = self._builder(self._name, self._key, days=30).add_extension(only, critical=True)
        self.certificate.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str, days: int = 30) -> Path:
        """A file with a key and a certificate for some host names; it has expired where `days` is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        made = self._builder(_name(names[0]), key, days).add_extension(alternatives, critical=False)
        path = self._folder / f"server-{next(self._numbers)}.pem"
        pem = serialization.Encoding.PEM
        path.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + made.sign(self._key, hashes.SHA256()).public_bytes(pem)
        )
        return path

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - 90 * _DAY).not_valid_after(now + days * _DAY)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@pytest.fixture(scope="session")
def company_ca(tmp_path_factory: pytest.TempPathFactory) -> CompanyCa:
    """One for all tests."""
    return CompanyCa(tmp_path_factory.mktemp("company-ca"))
