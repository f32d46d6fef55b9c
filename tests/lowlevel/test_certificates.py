"""Certificates of servers, verified by the system or by the files that the user names."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import truststore
from helpers.behaviors import answer
from helpers.range_server import Server

import variant_backend
from variant_backend._internal.errors import VariantError
from variant_backend._internal.lowlevel.certificates import use_certificates, verifying_context
from variant_backend._internal.lowlevel.http import get
from variant_backend._internal.lowlevel.terminal import VERBOSE, set_volume


@pytest.fixture
def encrypted(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the URL of the server with TLS and a self-signed certificate, ``cert.pem``."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    verifying_context.cache_clear()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now, address = datetime.datetime.now(datetime.timezone.utc), ipaddress.ip_address("127.0.0.1")
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(address)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "cert.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with Server(server.folder) as tls:
        tls.misbehave = lambda handler, data: server.misbehave(handler, data)
        tls.socket = context.wrap_socket(tls.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=tls.serve_forever, args=(0.01,), daemon=True).start()
        yield tls.url.replace("http:", "https:")
        tls.shutdown()
    verifying_context.cache_clear()


def test_settings_of_an_installer_name_the_certificates(
    server: Server, encrypted: str, tmp_path: Path
) -> None:
    server.misbehave = answer(200, b"x")
    path = str(tmp_path / "cert.pem")
    try:
        use_certificates(path, path)
        assert get(encrypted, limit=1).content == b"x"
        for settings in ((str(tmp_path / "none"), ""), (path, str(tmp_path / "none"))):
            use_certificates(*settings)
            with pytest.raises(VariantError, match="none: invalid c"):
                get(encrypted, limit=1)
    finally:
        use_certificates("", "")


def test_ssl_cert_file_sets_the_certificate_authorities(
    server: Server, encrypted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifying_context.cache_clear()
    with pytest.raises(
        VariantError,
        match=r"cannot verify the server's certificate: self.signed certificate; set SSL_CERT_FILE",
    ):
        get(encrypted, limit=0)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    verifying_context.cache_clear()
    server.misbehave = answer(200, b"x")
    assert get(encrypted, limit=1).content == b"x"
    server.misbehave = answer(302, Location=server.url)
    with pytest.raises(
        VariantError, match=rf"^{encrypted}: redirected from https to {server.url}, which is not encrypted"
    ):
        get(encrypted, limit=1, other_hosts=True)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_named_certificates_replace_those_of_the_system(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "somewhere")
    verifying_context.cache_clear()
    assert not isinstance(verifying_context(), truststore.SSLContext)
    verifying_context.cache_clear()


def test_truststore_verifies_certificates(server: Server, encrypted: str, tmp_path: Path) -> None:
    context = verifying_context()
    assert isinstance(context, truststore.SSLContext)
    with pytest.raises(VariantError, match="cannot verify the server's certificate: "):
        get(encrypted, limit=1)
    context.load_verify_locations(tmp_path / "cert.pem")  # as if the system trusted it
    server.misbehave = answer(200, b"x")
    assert get(encrypted, limit=1).content == b"x"


def test_without_a_usable_truststore_python_verifies(
    encrypted: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise OSError("too old a system")

    monkeypatch.setattr(truststore, "SSLContext", fail)
    before = set_volume(VERBOSE)
    verifying_context.cache_clear()
    with pytest.raises(VariantError, match="cannot verify the server's certificate"):
        get(encrypted, limit=0)
    set_volume(before)
    assert "truststore cannot be used: too old a system\n" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "truststore", None)
    verifying_context.cache_clear()
    assert type(verifying_context()) is ssl.SSLContext


def test_a_missing_truststore_is_named_as_a_remedy(encrypted: str, tmp_path: Path) -> None:
    program = (
        "import sys; sys.path[:] = [path for path in sys.path if not path.endswith('site-packages')]\n"
        f"sys.path.append({str(Path(variant_backend.__file__).parents[1])!r})\n"
        f"from variant_backend._internal.lowlevel.http import get; get({encrypted!r}, limit=0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert "or run pip install 'variant-backend[truststore]' to use those of this system" in done.stderr
