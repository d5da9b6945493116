from __future__ import annotations

import pytest

from gpu_doc.errors import Exit
from gpu_doc.execution.containers.failures import Cause, gone, refusal, unreachable

DIAL = 'Get "https://registry-1.docker.io/v2/": '

# What Docker 20.10 to 28 and containerd say, word for word.
WORDS: list[tuple[str, Cause, str]] = [
    ('could not select device driver "" with capabilities: [[gpu]]', "gpu", "NVIDIA Container Toolkit"),
    ("CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=7", "gpu", "nvidia-ctk cdi generate"),
    ("setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=7", "gpu", "nvidia-ctk cdi list"),
    ('exec: "docker-init": executable file not found in $PATH', "settings", "docker-init"),
    ('could not find "catatonit" in one of [/usr/libexec/podman]', "settings", "catatonit"),
    ("container-init binary not found on the host: stat /usr/libexec/podman/catatonit", "settings", "catatonit"),
    ("unknown or invalid runtime name: nvidia", "gpu", "NVIDIA Container Toolkit"),
    (
        "failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device",
        "disk",
        "docker system df",
    ),
    (
        "toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating",
        "refused",
        "docker login",
    ),
    (
        (
            "pull access denied for team/x, repository does not exist or may require 'docker login':"
            " denied: requested access to the resource is denied"
        ),
        "refused",
        "docker login",
    ),
    ('Head "https://ghcr.io/v2/team/x/manifests/1": unauthorized', "refused", "docker login"),
    (f"{DIAL}no basic auth credentials", "refused", "docker login"),
    (f"{DIAL}x509: certificate signed by unknown authority", "refused", "/etc/docker/certs.d"),
    (f"{DIAL}tls: failed to verify certificate: x509: certificate has expired", "refused", "/etc/docker/certs.d"),
    (f"{DIAL}http: server gave HTTP response to HTTPS client", "refused", "insecure-registries"),
    ("Credentials store error: StoreError('docker-credential-pass not installed')", "refused", "credsStore"),
    ("manifest for team/x:9 not found: manifest unknown: manifest unknown", "image", "name and tag"),
    ("No such image: team/x:9", "image", "name and tag"),
    ("no matching manifest for linux/arm64/v8 in the manifest list entries", "image", "manifest inspect"),
    ("invalid reference format: repository name must be lowercase", "image", "small letters"),
    (f"{DIAL}dial tcp: lookup registry-1.docker.io on 10.0.0.2:53: no such host", "network", "proxy"),
    (f"{DIAL}dial tcp: lookup registry-1.docker.io: Temporary failure in name resolution", "network", "proxy"),
    (f"{DIAL}dial tcp 1.2.3.4:443: i/o timeout", "network", "proxy"),
    (f"{DIAL}dial tcp 1.2.3.4:443: connect: network is unreachable", "network", "proxy"),
    (f"{DIAL}net/http: TLS handshake timeout", "network", "proxy"),
    (f"{DIAL}net/http: request canceled while waiting for connection (Client.Timeout exceeded)", "network", "proxy"),
    ("read tcp 10.0.0.3:5000->1.2.3.4:443: read: connection reset by peer", "network", "proxy"),
    ("unexpected EOF", "network", "proxy"),
    ("received unexpected HTTP status: 502 Bad Gateway", "network", "proxy"),
    (
        (
            'OCI runtime create failed: runc create failed: unable to start container process: exec: "python3":'
            " executable file not found in $PATH: unknown"
        ),
        "program",
        "",
    ),
    (
        'runc: runc create failed: exec: "/run/podman-init": permission denied: OCI permission denied',
        "settings",
        "catatonit",
    ),
    (
        'OCI runtime create failed: runc create failed: exec: "python3": permission denied: unknown',
        "program",
        "",
    ),
    ("No such container: 0123", "vanished", ""),
    ("removal of container 0123 is already in progress", "vanished", ""),
    (
        (
            'connection error: desc = "transport: error while dialing: dial unix:///run/containerd/containerd.sock:'
            ' connect: connection refused"'
        ),
        "engine",
        "containerd",
    ),
    ("Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available", "settings", ""),
]


@pytest.mark.parametrize(("words", "cause", "remedy"), WORDS)
def test_each_refusal_has_its_cause_and_remedy(words: str, cause: Cause, remedy: str) -> None:
    error = refusal(words, where="team/x:9")
    assert error.cause == cause
    assert remedy in error.remedy
    assert words in (error.details, error.what.removeprefix("the engine refused: "))
    assert error.where == "team/x:9"
    assert error.exit_code is Exit.MACHINE_LACKS


@pytest.mark.parametrize(
    ("words", "what", "remedy"),
    [
        ("('Connection aborted.', PermissionError(13, 'Permission denied'))", "not ours to use", "group docker"),
        ("('Connection aborted.', FileNotFoundError(2, 'No such file or directory'))", "is here", "Install Docker"),
        ("('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))", "answers", "Start it"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "(TLS)", "DOCKER_CERT_PATH"),
        ("Client sent an HTTP request to an HTTPS server.", "(TLS)", "DOCKER_TLS_VERIFY"),
        ("Invalid bind address protocol: nonsense://x", "no container engine can be", "ssh://user@host"),
    ],
)
def test_each_failure_to_connect_has_its_sentence(words: str, what: str, remedy: str) -> None:
    error = unreachable("unix:///run/docker.sock", "DOCKER_HOST", words)
    assert what in error.what
    assert "unix:///run/docker.sock (from DOCKER_HOST)" in error.what
    assert remedy in error.remedy
    assert error.cause == "engine"


def test_an_engine_that_is_late_is_not_called_gone() -> None:
    assert "in time" in gone("UnixHTTPConnectionPool(host='localhost'): Read timed out.").what
    assert "went away" in gone("('Connection aborted.', RemoteDisconnected('...'))").what
