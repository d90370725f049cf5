"""Compares the schemas in use with their recorded versions, and with a registry's."""

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from streams import schemas
from streams.compatible import incompatibilities
from streams.errors import BadUsage, Unreachable

ANSWER_WITHIN = 10.0  # seconds


def schema_problems() -> dict[str, str]:
    """What is wrong with each schema: its id, or how it differs from its earlier versions."""
    problems = {}
    for name in schemas.names():
        now, listed = schemas.schema(name), schemas.versions(name)
        if listed[-1].fingerprint != schemas.fingerprint(now):
            problems[name] = "it changed and has no new version"
        for version in listed[:-1]:
            found = incompatibilities(now, schemas.archived(name, version.version))
            if found:
                problems[name] = f"not compatible with version {version.version}: {found[0]}"
    return problems


def registry_problems(url: str) -> dict[str, str]:
    """Where a registry knows another schema under our id, or none; Unreachable if it is silent."""
    problems = {}
    for name in schemas.names():
        if name.startswith("state/"):
            continue
        latest = schemas.versions(name)[-1]
        found = _asked(f"{url.rstrip('/')}/schemas/ids/{latest.id}")
        if found is None:
            problems[name] = f"the registry has no schema {latest.id}"
        elif schemas.fingerprint(json.loads(found["schema"])) != latest.fingerprint:
            problems[name] = f"the registry has another schema under {latest.id}"
    return problems


def _asked(url: str) -> Any:
    """The registry's answer; None if it has no such thing."""
    if not url.startswith(("http://", "https://")):
        raise BadUsage(
            "The registry's address is no http address",
            where="PLAINSCORE_SCHEMA_REGISTRY_URL",
            next_step="Write it like http://127.0.0.1:8081.",
        )
    if "@" in url:  # nothing would use it, and the address is repeated in errors
        raise BadUsage(
            "The registry's address holds a login",
            where="PLAINSCORE_SCHEMA_REGISTRY_URL",
            next_step="Write it without: registries that ask for one are not supported.",
        )
    try:
        with urlopen(url, timeout=ANSWER_WITHIN) as answer:
            return json.load(answer)
    except HTTPError as error:
        if error.code == 404:
            return None
        raise _silent(url, f"it answers {error.code}") from error
    except (URLError, TimeoutError, ValueError) as error:
        raise _silent(url, str(getattr(error, "reason", error))) from error


def _silent(url: str, why: str) -> Unreachable:
    return Unreachable(
        f"The schema registry does not answer as one: {why}",
        where=url,
        next_step="Check PLAINSCORE_SCHEMA_REGISTRY_URL, or unset it: none is needed.",
    )
