"""Which certificates of servers are trusted: those of the system, as in pip and uv, or those of OpenSSL."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from .deadlines import ServerFailedError
from .terminal import print_detail
from .urls import shown_reason

if TYPE_CHECKING:
    from ssl import SSLCertVerificationError, SSLContext  # takes long to import


@cache
def verifying_context() -> SSLContext:
    """Return the context that verifies certificates; creating it takes long.

    `truststore` asks the system. SSL_CERT_FILE and SSL_CERT_DIR name other authorities.
    """
    import ssl

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

    hint = "set SSL_CERT_FILE to a file with the certificate authorities that you trust"
    if not find_spec("truststore"):
        hint += ", or run pip install 'variant-backend[truststore]' to use those of this system"
    return ServerFailedError(f"cannot verify the server's certificate: {error.verify_message}", hint=hint)
