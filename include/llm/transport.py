"""How an endpoint is reached, and what a failure on the way means: certificates, proxy, connection."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from include.errors import EndpointUnusable
from include.llm.base_url import is_loopback
from include.llm.endpoint import Endpoint
from include.llm.providers.provider_errors import PassingTrouble

# A server or a proxy that is there takes a connection at once; what a firewall drops is never answered.
CONNECT_SECONDS = 30.0
# OpenSSL's verify codes: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_HOST = "Check the host in the base URL."
_REMEDIES = {9: "Check the clock of this machine.", 10: "Whoever runs it has to renew it.", 62: _HOST, 64: _HOST}
_STRAY = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def tls_context(endpoint: Endpoint) -> ssl.SSLContext | bool:
    """Whom to trust: the system's store with SSL_CERT_FILE and SSL_CERT_DIR, as OpenSSL reads them now.

    aiohttp's own context is as old as its import. REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE are for requests and curl.
    """
    if "https" not in (urlsplit(endpoint.base_url).scheme, urlsplit(endpoint.proxy or "").scheme):
        return True
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def trouble_on_the_way(
    error: Exception, endpoint: Endpoint, environ: Mapping[str, str] = os.environ
) -> PassingTrouble | EndpointUnusable:
    """What it means that a call has no response.

    Args:
        error: of aiohttp or the operating system.
        environ: whose proxies are not gone through, and may be needed.
    """
    proxy = urlsplit(endpoint.proxy or "")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        is_proxys = error.host == proxy.hostname
        return _certificate(error.certificate_error, endpoint.proxy_address if is_proxys else endpoint.address, environ)
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return refused_by_proxy(error.status, error.message, endpoint)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        said = f"Cannot connect to the proxy {endpoint.proxy_address}: {error}"
        return PassingTrouble("unreachable", said, reached_provider=False)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        # The library's own words of a time-out hold the whole URL.
        words = f"nobody answers within {CONNECT_SECONDS:g} s" if isinstance(error, TimeoutError) else error
        said = f"Cannot connect to {endpoint.base_url}: {words}"
        stray = next((name for name in _STRAY if environ.get(name)), None)
        if isinstance(error, aiohttp.ClientConnectorSSLError):
            said += ". The URL of a server without TLS begins with http://"
        elif stray and not endpoint.proxy and not is_loopback(endpoint.base_url):
            said += f". {stray} is set and not heeded: name the proxy in NIGHTSHIFT_PROXY if there is no other way"
        return PassingTrouble("unreachable", said, reached_provider=False)
    if isinstance(error, TimeoutError):
        return PassingTrouble("timeout", f"No answer within {endpoint.timeout_seconds:g} s")
    return PassingTrouble("broken_connection", f"The connection broke: {type(error).__name__}")


def refused_by_proxy(status: int, words: str, endpoint: Endpoint) -> PassingTrouble | EndpointUnusable:
    """What it means that the proxy itself answers: 407, or no 200 to CONNECT."""
    said = f"The proxy {endpoint.proxy_address} does not lead to {endpoint.address} ({status} {words[:100]})"
    if status >= 500 or status in (408, 429):
        return PassingTrouble("unreachable", said, reached_provider=False)
    remedy = "user and password of NIGHTSHIFT_PROXY" if status == 407 else "that it lets this host and port through"
    return EndpointUnusable(f"{said}. Check {remedy}, or `proxy` in the connection's extra.")


def _certificate(error: Exception, place: str, environ: Mapping[str, str]) -> EndpointUnusable:
    words, named = getattr(error, "verify_message", "") or str(error), environ.get("SSL_CERT_FILE")
    remedy = "Name the file with the certificate of your company's CA (PEM) in SSL_CERT_FILE."
    if named and not Path(named).is_file():
        remedy = f"SSL_CERT_FILE names {named}, which is not there."
    remedy = _REMEDIES.get(getattr(error, "verify_code", 0), remedy)
    return EndpointUnusable(
        f"The certificate of {place} is not accepted, nothing is sent: {words.rstrip('.')}. {remedy}"
    )
