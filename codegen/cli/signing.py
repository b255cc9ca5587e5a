"""Which key signs, and what the device checks with: options of verbs that emit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from codegen.bundle import HIGHEST_VERSION
from codegen.cli.common import talk

if TYPE_CHECKING:
    from codegen.bundle import Bundle
    from codegen.cli.subject import Subject
    from codegen.signing import SigningKey

KEYS_VARIABLE = "HVCODEGEN_KEYS"
DEFAULT_KEY = "signing.pem"

F = TypeVar("F", bound=Callable[..., Any])


def keys_folder() -> Path:
    """Where keys are kept: `$HVCODEGEN_KEYS`, or a folder in the user's data."""
    import os

    from platformdirs import user_data_path

    chosen = os.environ.get(KEYS_VARIABLE)
    return Path(chosen) if chosen else user_data_path("hvcodegen", appauthor=False) / "keys"


def default_key() -> Path:
    """The private key that signs unless another is given."""
    return keys_folder() / DEFAULT_KEY


@dataclass(frozen=True, kw_only=True)
class SigningOrder:
    """What the options say.

    Attributes:
        signed: whether the bundle is signed and the device checks it.
        key: the private key's file; None is the default one, which is made when it is missing.
        version: the bundle's version; None is the next one.
    """

    signed: bool
    key: Path | None
    version: int | None

    def load_key(self) -> SigningKey:
        """The key. Raises HvError if it is missing or unsafe."""
        from codegen.signing import fingerprint, load_key, new_key

        if self.key is not None:
            return load_key(self.key)
        file = default_key()
        if file.exists():
            return load_key(file)
        key = new_key(file)
        talk(f"made a signing key, {file}: keep a copy, devices take nothing by another")
        talk(f"its fingerprint: {fingerprint(key.public)}")
        return key

    def extras(self, store: Path, user: str) -> dict[str, Any]:
        """The arguments `issue` and `verification` of `codegen.emit.emit`."""
        from codegen.bundle import sign_bundle
        from codegen.bundle_versions import issued
        from codegen.verification import Verification

        if not self.signed:
            return {"issue": lambda draft: issued(store, user, draft, self.version)}
        from host_tools.monocypher import fetch_monocypher

        library = fetch_monocypher(talk)  # before a key is made
        key = self.load_key()

        def issue(draft: Bundle) -> Bundle:
            return sign_bundle(issued(store, user, draft, self.version), key.sign)

        return {
            "issue": issue,
            "verification": Verification(public_key=key.public, library=library),
        }

    def extras_of(self, store: Path, subject: Subject) -> dict[str, Any]:
        """The same of whatever is emitted: a model has no bundle."""
        return self.extras(store, subject.name) if subject.user is not None else {}


def signing_options(function: F) -> F:
    """`--sign KEY`, `--no-signature`, `--bundle-version N`, as one argument `signing`."""
    import functools

    @functools.wraps(function)
    def call(
        *args: Any,  # noqa: ANN401 - click's own
        key: Path | None,
        no_signature: bool,
        bundle_version: int | None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if key is not None and no_signature:
            raise click.UsageError("--sign and --no-signature exclude each other")
        order = SigningOrder(signed=not no_signature, key=key, version=bundle_version)
        return function(*args, signing=order, **kwargs)

    decorated: Any = call
    for option in (
        click.option(
            "--bundle-version",
            type=click.IntRange(1, HIGHEST_VERSION),
            metavar="N",
            help="Of the bundle.  [default: one more than the last, if anything changed]",
        ),
        click.option(
            "--no-signature",
            is_flag=True,
            help="Sign nothing; firmware that is built takes bundles without a signature.",
        ),
        click.option(
            "--sign",
            "key",
            type=click.Path(path_type=Path),
            metavar="KEY",
            help="Private key that signs the bundle.  [default: yours, made when it is missing]",
        ),
    ):
        decorated = option(decorated)
    signed: F = decorated
    return signed
