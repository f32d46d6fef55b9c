"""Which certificates of servers are trusted: those of the system, as in pip and uv, or those of OpenSSL."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from ..errors import VariantError
from .deadlines import ServerFailedError
from .terminal import print_detail
from .urls import shown_reason

if TYPE_CHECKING:
    from ssl import SSLCertVerificationError, SSLContext  # takes long to import


# The authorities, a file or a folder, and the file with the client's certificate, each empty if unset.
_used: tuple[str, str] = ("", "")


def use_certificates(authorities: str, client: str) -> None:
    """Let later requests trust the authorities in a file or folder, and send the client's certificate.

    An empty text means the default, as at the start.
    """
    global _used
    _used = (authorities, client)
    verifying_context.cache_clear()


@cache
def verifying_context() -> SSLContext:
    """Return the context that verifies certificates; creating it takes long.

    `truststore` asks the system. SSL_CERT_FILE and SSL_CERT_DIR name other authorities, unless
    `use_certificates` does. Raises VariantError if a file of these cannot be read.
    """
    authorities, client = _used
    context = _trusting(authorities)
    if client:
        try:
            context.load_cert_chain(client)
        except OSError as error:
            raise VariantError(f"invalid client certificate: {shown_reason(error)}", place=client) from None
    return context


def _trusting(authorities: str) -> SSLContext:
    """Return a context that trusts authorities, empty for the default."""
    import ssl

    if authorities:
        place = "capath" if os.path.isdir(authorities) else "cafile"  # noqa: PTH112  # any text
        try:
            return ssl.create_default_context(**{place: authorities})  # type: ignore[arg-type]
        except OSError as error:
            text = f"invalid certificate authorities: {shown_reason(error)}"
            raise VariantError(text, place=authorities) from None
    if not any(map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR"))):
        try:
            import truststore

            return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        except ModuleNotFoundError:
            pass  # it is optional
        except Exception as error:  # of any type: Python or the system may be too old for it
            print_detail(f"truststore cannot be used: {shown_reason(error)}")
    return ssl.create_default_context()


def not_verified(error: SSLCertVerificationError) -> ServerFailedError:
    """Return the error for a certificate that cannot be verified."""
    from importlib.util import find_spec

    remedy = "set SSL_CERT_FILE to a file with the certificate authorities that you trust"
    if not find_spec("truststore"):
        remedy += ", or run pip install 'variant-backend[truststore]' to use those of this system"
    return ServerFailedError(f"cannot verify the server's certificate: {error.verify_message}", remedy=remedy)
