"""A certificate authority of a test, and what it signs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_USES = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


@dataclass
class Authority:
    """Signs certificates and keeps them as PEM files in a folder."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def founded(cls, folder: Path) -> Authority:
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Test authority")
        builder = _builder(name, name, key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        authority = cls(folder, key, builder.sign(key, hashes.SHA256()))
        authority.file.write_bytes(_pem(authority.certificate))
        return authority

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, common_name: str) -> tuple[Path, Path]:
        """Return the files of a new certificate, valid for 127.0.0.1, and of its key (PKCS #8)."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(common_name), self.certificate.subject, key.public_key())
        builder = builder.add_extension(_USES, critical=False).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        certificate, keyfile = self.folder / f"{common_name}.pem", self.folder / f"{common_name}.key"
        certificate.write_bytes(_pem(builder.sign(self.key, hashes.SHA256())))
        keyfile.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, keyfile


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
