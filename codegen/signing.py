"""Ed25519 keys and signatures: PEM files that every other tool reads, computed by `cryptography`.

The device checks with the same public key: hv_signature.c, Monocypher.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.bundle import Bundle, signed_bytes
from codegen.errors import HvError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PRIVATE_MODE = 0o600
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A private key in memory, and where it is from."""

    file: Path
    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The public half, 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes; the same for the same message (RFC 8032)."""
        return self.private.sign(message)


def fingerprint(public_key: bytes) -> str:
    """SHA-256 of a public key, its first 16 bytes in groups of four digits, to read aloud."""
    digest = hashlib.sha256(public_key).hexdigest()[:32]
    return " ".join(digest[i : i + 4] for i in range(0, len(digest), 4))


def is_signed_by(bundle: Bundle, public_key: bytes) -> bool:
    """Whether the bundle's signature is right and by the owner of that key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if bundle.signature is None:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bundle.signature, signed_bytes(bundle))
    except (InvalidSignature, ValueError):
        return False
    return True


def new_key(file: Path) -> SigningKey:
    """Makes a key pair: the private half into `file`, the public half beside it as `.pub.pem`.

    Raises:
        HvError: one of the files exists, or the folder cannot be written.
    """
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public_file = public_file_of(file)
    for path in (file, public_file):
        if path.exists():
            raise HvError(
                "there is a key already, and keys are never overwritten",
                where=str(path),
                hint="give another name; devices that know the old key take nothing by a new one",
            )
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
    public = private.public_key().public_bytes(
        pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create(file, secret, PRIVATE_MODE)
        _create(public_file, public, 0o644)
    except OSError as error:
        raise HvError(
            f"cannot write the key: {error.strerror or error}",
            where=str(error.filename or file),
            hint="check the permissions, or choose another file",
        ) from error
    return SigningKey(file=file, private=private)


def load_key(file: Path) -> SigningKey:
    """Reads a private key.

    Raises:
        HvError: there is none, others may read it, or it is no Ed25519 key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(file, "there is no such key")
    mode = file.stat().st_mode
    if os.name == "posix" and mode & _OTHERS:
        raise HvError(
            f"others may read or change the private key: its mode is {stat.S_IMODE(mode):03o}",
            where=str(file),
            hint=f"chmod 600 {file}, and make a new key if somebody may have read it",
        )
    try:
        private = load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise _no_key(file, "private") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise _no_key(file, "private")
    return SigningKey(file=file, private=private)


def load_public_key(file: Path) -> bytes:
    """Reads the public half, 32 bytes, from a public or a private key's file.

    Raises:
        HvError: there is none, or it is no Ed25519 key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _read(file, "there is no such key")
    if b"PRIVATE KEY" in data:
        return load_key(file).public
    try:
        public = load_pem_public_key(data)
    except ValueError as error:
        raise _no_key(file, "public") from error
    if not isinstance(public, Ed25519PublicKey):
        raise _no_key(file, "public")
    return public.public_bytes_raw()


def public_file_of(file: Path) -> Path:
    """Where the public half of a private key lies."""
    return file.with_name(f"{file.name.removesuffix('.pem')}.pub.pem")


def _read(file: Path, missing: str) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise HvError(missing, where=str(file), hint="make one: hvcodegen keys new") from error
    except OSError as error:
        raise HvError(
            f"cannot read the key: {error.strerror or error}",
            where=str(file),
            hint="check the path and the permissions",
        ) from error


def _create(file: Path, data: bytes, mode: int) -> None:
    """Writes a file that was not there, never readable by more than `mode` says."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _no_key(file: Path, half: str) -> HvError:
    return HvError(
        f"this is no {half} Ed25519 key in PEM without a password",
        where=str(file),
        hint="make one: hvcodegen keys new, or openssl genpkey -algorithm ed25519",
    )
