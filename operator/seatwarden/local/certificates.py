"""Certificate authorities, and certificates for servers and clients on loopback.

Everything is ECDSA P-256: made in a millisecond, and understood by Kubernetes, Python and curl. The
extensions are those that strict RFC 5280 verification asks for, which Python 3.13 and newer turn on by
default.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = dt.timedelta(days=3650)
_BACKDATED = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A PEM certificate and its PEM private key, on disk."""

    certificate: Path
    key: Path = field(repr=False)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of our own, kept in two files so that a state folder keeps its identity."""

    files: CertificateFiles
    _certificate: x509.Certificate = field(repr=False)
    _key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def load_or_make(cls, folder: Path, name: str, *, now: dt.datetime) -> "Authority":
        """The authority called ``name`` in ``folder``, made on the first call."""
        files = CertificateFiles(folder / f"{name}.crt", folder / f"{name}.key")
        if files.certificate.exists() and files.key.exists():
            key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError(f"{files.key} is not an ECDSA key")
            return cls(files, x509.load_pem_x509_certificate(files.certificate.read_bytes()), key)
        key = write_private_key(files.key)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"seatwarden {name}")])
        builder = _builder(subject=subject, issuer=subject, key=key.public_key(), issuer_key=key, now=now)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = builder.add_extension(_key_usage(signs_certificates=True), critical=True).sign(
            key, hashes.SHA256()
        )
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return cls(files, certificate, key)

    def issue_server(
        self, folder: Path, name: str, *, hosts: Sequence[str], now: dt.datetime
    ) -> CertificateFiles:
        """A certificate for a server reached under ``hosts`` (names and IP addresses)."""
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
        return self._issue(
            folder, name, subject=subject, usage=ExtendedKeyUsageOID.SERVER_AUTH, now=now, names=names
        )

    def issue_client(
        self, folder: Path, name: str, *, user: str, groups: Sequence[str], now: dt.datetime
    ) -> CertificateFiles:
        """A certificate by which Kubernetes knows its bearer as ``user`` in ``groups`` (CN and O)."""
        organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        return self._issue(folder, name, subject=subject, usage=ExtendedKeyUsageOID.CLIENT_AUTH, now=now)

    def _issue(
        self,
        folder: Path,
        name: str,
        *,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        now: dt.datetime,
        names: x509.SubjectAlternativeName | None = None,
    ) -> CertificateFiles:
        files = CertificateFiles(folder / f"{name}.crt", folder / f"{name}.key")
        key = write_private_key(files.key)
        builder = _builder(
            subject=subject,
            issuer=self._certificate.subject,
            key=key.public_key(),
            issuer_key=self._key,
            now=now,
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return files


def write_private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Make a private key and write it to ``path``, readable by its owner only."""
    key = ec.generate_private_key(ec.SECP256R1())
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return key


def write_public_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write the public half of ``key`` to ``path``."""
    path.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def _builder(
    *,
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
) -> x509.CertificateBuilder:
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(issuer_id, critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
