"""The settings: can each be read, and do they fit together?"""

import dataclasses
import difflib
import ipaddress
from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from service.doctor.machine import PIXEL_BYTES
from service.findings import Examination, Finding, State
from service.settings import Settings

SETTINGS = "settings"
ALIKE = 0.85
"""How much a variable's name must be like that of a setting to be taken for a slip of the pen (difflib's ratio)."""
OTHERS = {"LOCAL_AWS", "CLOUD_IMAGES_URL"}
BALANCER_SECONDS = 60
"""How long most balancers keep an idle connection; one that the service closes first is a 502 to somebody."""
CONTAINER_SECONDS = 30
"""After SIGTERM: what ECS and Kubernetes give a container by default. Ending takes some seconds by itself."""
ENDING_SECONDS = 5


def check_variables(examination: Examination, environ: Mapping[str, str]) -> None:
    """Each setting that cannot be read, and variables that look like one and are none."""
    for complaint in Settings.complaints(environ):
        examination.add(Finding(SETTINGS, State.WRONG, complaint, "correct or unset it"))
    known = {name for one in dataclasses.fields(Settings) for name in one.metadata["env"]}
    for name in sorted(set(environ) - known - OTHERS):
        if meant := difflib.get_close_matches(name, known, 1, ALIKE):
            mend = f"call it {meant[0]} if that is meant"
            examination.add(Finding(SETTINGS, State.WARNING, f"{name} is no setting of this service", mend))
    if examination.good(SETTINGS) or not examination.findings:
        used = sorted(name for name in known if environ.get(name))
        examination.add(Finding(SETTINGS, State.OK, f"set: {', '.join(used)}" if used else "all by default"))


def check_contradictions(examination: Examination, settings: Settings, environ: Mapping[str, str]) -> None:
    """Settings that are each right, and together are not."""
    found = list(_contradictions(settings, environ))
    for seen, mend in found:
        examination.add(Finding("fit together", State.WARNING, seen, mend))
    if not found:
        examination.add(Finding("fit together", State.OK, "no setting contradicts another"))


def _contradictions(settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What was seen, and how to mend it."""
    if settings.shutdown_seconds + ENDING_SECONDS > CONTAINER_SECONDS:
        grace = settings.shutdown_seconds + ENDING_SECONDS
        yield (
            f"SHUTDOWN_SECONDS={settings.shutdown_seconds:g} is more than most containers get ({CONTAINER_SECONDS} s)",
            f"give the container {grace:g} seconds (compose stop_grace_period, ECS stopTimeout, Kubernetes "
            f"terminationGracePeriodSeconds), or set SHUTDOWN_SECONDS={CONTAINER_SECONDS - ENDING_SECONDS}",
        )
    if settings.visibility_seconds < settings.decode_seconds:
        yield (
            f"VISIBILITY_SECONDS={settings.visibility_seconds} is less than "
            f"DECODE_SECONDS={settings.decode_seconds:g}: one lost heartbeat, and a message comes twice",
            f"set VISIBILITY_SECONDS={int(2 * settings.decode_seconds)} or more",
        )
    if settings.decoder_memory < settings.max_pixels * PIXEL_BYTES:
        yield (
            f"DECODER_MEMORY_BYTES={settings.decoder_memory} is too little for MAX_PIXELS={settings.max_pixels}",
            f"set DECODER_MEMORY_BYTES={2 * settings.max_pixels * PIXEL_BYTES}, or a lower MAX_PIXELS",
        )
    if settings.worker_concurrency < settings.decoders:
        yield (
            f"WORKER_CONCURRENCY={settings.worker_concurrency} leaves some DECODERS={settings.decoders} idle",
            f"set WORKER_CONCURRENCY={2 * settings.decoders}",
        )
    if settings.jwt_keys_stale_seconds < settings.jwt_keys_seconds:
        yield (
            "JWT_KEYS_STALE_SECONDS is less than JWT_KEYS_SECONDS: keys are dropped before they are fetched again",
            f"set JWT_KEYS_STALE_SECONDS={settings.jwt_keys_seconds:g} or more",
        )
    if settings.keep_alive_seconds <= BALANCER_SECONDS and not _is_loopback(settings.host):
        yield (
            f"KEEP_ALIVE_SECONDS={settings.keep_alive_seconds:g} is no more than a balancer's ({BALANCER_SECONDS} s)",
            "set KEEP_ALIVE_SECONDS=75, or the balancer's idle time lower",
        )
    if settings.quota_bytes is not None and settings.quota_bytes < 5 * 1024 * 1024:
        yield f"QUOTA_BYTES={settings.quota_bytes} is less than one image may have", "set QUOTA_BYTES=5242880 or more"
    where = urlsplit(settings.endpoint_s3 or "").hostname
    if where and not settings.public_endpoint_s3 and not _is_loopback(settings.host) and _is_inner(where):
        yield (
            f"presigned URLs lead to {where}, which clients elsewhere do not reach",
            "set AWS_PUBLIC_ENDPOINT_S3 to where they reach S3",
        )
    for key, other in (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")):
        if environ.get(key) and not environ.get(other):
            yield f"{key} is set and {other} is not", f"set {other} too, or unset both"


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _is_inner(host: str) -> bool:
    """Whether it is this machine, or a bare name as containers have."""
    return _is_loopback(host) or "." not in host
