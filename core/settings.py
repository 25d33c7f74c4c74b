"""Settings: environment variables ``PERDURE_*`` and a ``.env`` file in the current folder.

Temporal's own settings (``TEMPORAL_ADDRESS``, ``TEMPORAL_NAMESPACE``, TLS, API key, profiles) are
read by ``temporalio.envconfig`` and not here.
"""

import logging
import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, NamedTuple, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from perdure.concurrency import ConcurrencyLimits
from perdure.retention import Retention

MIN_SECRET_CHARACTERS: Final = 24

_SCOPES: Final = ("read", "submit", "approve", "metrics", "admin")
_NAME: Final = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
_BUCKETS: Final = frozenset({"s3", "gs", "az"})
_REDIS: Final = frozenset({"redis", "rediss"})
_UNITS: Final = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_NameList = Annotated[tuple[str, ...], NoDecode]


class Rate(NamedTuple):
    """So many in so many seconds."""

    amount: int
    seconds: int


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int


class Settings(BaseSettings):
    """Everything an installation can choose.

    Attributes:
        home: ``PERDURE_HOME``: the folder of the embedded server's state, the SQLite stores and
            the artifacts.
        cache: ``PERDURE_CACHE``: the folder of what can be downloaded or built again, such as the
            server binary.
        database_url: ``PERDURE_DATABASE_URL``: a SQLAlchemy address such as
            ``postgresql://…``; SQLite under ``home`` when not set.
        listen_url: ``PERDURE_LISTEN_URL``: the address of the stores' PostgreSQL past any pooler,
            such as pgbouncer, that ``PERDURE_DATABASE_URL`` leads to: readers of events are woken
            over it. When set, no statements are prepared, which such poolers do not keep.
        artifacts_url: ``PERDURE_ARTIFACTS_URL``: where artifacts and uploads lie:
            ``s3://bucket/prefix``, ``gs://bucket/prefix``, ``az://container/prefix`` or
            ``file:///folder``; the folder ``artifacts`` under ``home`` when not set. Credentials
            and endpoints come from the variables of each cloud, such as ``AWS_ACCESS_KEY_ID``.
        redis_url: ``PERDURE_REDIS_URL``: the address of a Redis that the processes of an
            installation share, such as ``redis://:password@host:6379/0``, or ``rediss://…`` for
            TLS: responses of models, circuit breakers, rates, and word of new events. Each process
            has its own when not set, or when it does not answer.
        adopt_namespace: ``PERDURE_ADOPT_NAMESPACE``: the id of a Temporal namespace that the stores
            are to belong to from now on, when the one that they belonged to is gone for good.
        encryption_keys: ``PERDURE_ENCRYPTION_KEYS``: the file of the keys with which everything
            that goes through Temporal is encrypted, and what the stores hold of goals: newest
            first, or ``command:`` and a command that prints them, such as
            ``command:vault kv get -field=keys secret/perdure``; without it nothing is. The same for
            the API, the command line and workers.
        audit_key: ``PERDURE_AUDIT_KEY``: the file of the private Ed25519 key (PEM) that signs the
            audit trail, or ``command:`` and a command that prints it. Once a worker has had it,
            every process that starts puts facts into the trail, and workers that have it seal them.
        audit_anchor: ``PERDURE_AUDIT_ANCHOR``: where each seal goes as well, so that nobody can cut
            off the trail's tail: ``file:///folder/seals.jsonl``, an ``https://`` address that takes
            it by ``POST``, or ``s3://bucket/prefix``, whose object lock keeps it.
        audit_retention_days: ``PERDURE_AUDIT_RETENTION_DAYS``: how many days facts are kept, 7
            years when not set; what is left begins at a seal and still verifies.
        codec_origins: ``PERDURE_CODEC_ORIGINS``: comma-separated origins of Temporal's UI, such as
            ``https://cloud.temporal.io``, whose pages may use ``/api/codec``, which opens what is
            encrypted for those who send a key with the scope ``admin``.
        api_url: ``PERDURE_API_URL``: the API's address as workers on other machines reach it, such
            as ``https://perdure.example``: from there they fetch files that were handed in. A
            worker that has the API's ``home`` needs none.
        host: ``PERDURE_HOST``: the address the API listens on.
        port: ``PERDURE_PORT``: the API's port.
        api_keys: ``PERDURE_API_KEYS``: comma-separated SHA-256 digests (64 hexadecimal digits) of
            keys that may do everything in the tenant ``default``. Those that ``perdure keys``
            makes need no setting; without any key at all, only this machine may use the API.
        trusted_proxies: ``PERDURE_TRUSTED_PROXIES``: comma-separated addresses and networks of the
            proxies in front of the API, such as ``10.1.0.0/16``, whose ``X-Forwarded-For``,
            ``-Proto``, ``-Host`` and ``X-Request-ID`` are believed. With any, all need a key.
        tls_certificate: ``PERDURE_TLS_CERTIFICATE``: the file of the API's certificate with those
            that it was signed with (PEM); with it the API speaks HTTPS.
        tls_key: ``PERDURE_TLS_KEY``: the file of its key (PEM), unless the certificate's has it.
        oidc_issuer: ``PERDURE_OIDC_ISSUER``: the identity provider whose people may use the API, by
            the exact name that it gives itself, such as ``https://login.example/``.
        oidc_client_id: ``PERDURE_OIDC_CLIENT_ID``: this installation, as the provider knows it.
        oidc_client_secret: ``PERDURE_OIDC_CLIENT_SECRET``: its secret there, if it has one.
        oidc_audience: ``PERDURE_OIDC_AUDIENCE``: whom bearer tokens have to be for; the client when
            not set.
        oidc_tenant_claim: ``PERDURE_OIDC_TENANT_CLAIM``: the claim that names somebody's tenant;
            all are of the tenant ``default`` when not set.
        oidc_scopes_claim: ``PERDURE_OIDC_SCOPES_CLAIM``: the claim whose values say what somebody
            may do, such as ``groups`` or ``realm_access.roles``.
        oidc_scopes: ``PERDURE_OIDC_SCOPES``: comma-separated, which value gives which scope, such
            as ``engineers=submit, leads=approve``; a scope alone is for everybody.
        key_rate: ``PERDURE_KEY_RATE``: how many requests a key, or a person, may send to each API
            process, or to all that share a Redis, such as ``600/minute``; any number when not set.
        tenant_rate: ``PERDURE_TENANT_RATE``: how many requests all of a tenant may send, likewise.
        tenant_goals: ``PERDURE_TENANT_GOALS``: how many goals all of a tenant may start, such as
            ``1000/day``.
        policy: ``PERDURE_POLICY``: a YAML file of rules that are asked before a goal, a step or a
            call of a tool begins, the same for the API and for workers.
        plugins_allow: ``PERDURE_PLUGINS_ALLOW``: comma-separated distributions that may be loaded;
            all when empty.
        plugins_deny: ``PERDURE_PLUGINS_DENY``: comma-separated distributions never loaded.
        plugin_files: ``PERDURE_PLUGIN_FILES``: comma-separated Python files to load like plugins,
            and reload when they change.
        plugin_import_seconds: ``PERDURE_PLUGIN_IMPORT_SECONDS``: how long a plugin's import may
            take before it counts as failed.
        event_log: ``PERDURE_EVENT_LOG``: a file to which workers add every event, one line of JSON
            each; none when not set.
        log_levels: ``PERDURE_LOG_LEVELS``: comma-separated, from which level on is logged: a level
            alone, such as ``debug``, for Perdure and its agents, and ``name=level`` for the loggers
            whose names begin so, such as ``perdure.stores=debug, httpx=info``.
        metrics_address: ``PERDURE_METRICS_ADDRESS``: where a worker, or a pool of them, answers
            ``/metrics``, such as ``127.0.0.1:9464``; nowhere when not set. The API has its own.
        max_concurrent_goals: ``PERDURE_MAX_CONCURRENT_GOALS``: goals one worker runs at once.
        max_cached_workflows: ``PERDURE_MAX_CACHED_WORKFLOWS``: workflows that one worker keeps in
            memory, some 90 kB each, those that wait included. One that is not kept is replayed
            from its history when it goes on.
        concurrent_goals: ``PERDURE_CONCURRENT_GOALS``: comma-separated, how many goals may run at
            once, on all workers together: ``tenant=100`` of each tenant, ``tenant:acme=20`` of one,
            likewise of an ``agent`` and in a ``pool``. Others wait, and hold no worker. The same
            for all workers.
        stall_seconds: ``PERDURE_STALL_SECONDS``: how long an agent may go without a step that
            starts or ends, and without an event, before the attempt fails as stalled.
        drain_seconds: ``PERDURE_DRAIN_SECONDS``: how long agents may take to reach the end of a
            step when their worker stops; then the step is cancelled, and executed again elsewhere.
        memory_target: ``PERDURE_MEMORY_TARGET``: the part of this machine's memory, from 0 to 1,
            above which a worker starts no further goals.
        pool: ``PERDURE_POOL``: the pool that a worker belongs to, such as ``gpu``: it runs the
            goals of that pool, and no others.
        agent_pools: ``PERDURE_AGENT_POOLS``: comma-separated, which pool runs the goals of which
            agent, such as ``code=sandbox, analysis=gpu``, where a goal does not say; it goes
            before what the agents' plugins say. For the API, the command line and workers.
        build_id: ``PERDURE_BUILD_ID``: the version of what a worker runs, for Temporal's worker
            versioning; without one it is off.
        make_current: ``PERDURE_MAKE_CURRENT``: make this version the current one, which gets the
            goals from now on.
        model: ``PERDURE_MODEL``: the model that agents ask, such as ``openai:gpt-4o-mini``.
        model_cache: ``PERDURE_MODEL_CACHE``: answer a request that any goal has made before from
            the stores.
        run_cache_bytes: ``PERDURE_RUN_CACHE_BYTES``: how many bytes are kept, in ``run-cache``
            under ``home``, of what agents make once and reuse for other goals; what was not used
            for longest is deleted. So many again in ``upload-cache``, of files that were fetched.
        file_roots: ``PERDURE_FILE_ROOTS``: comma-separated folders in which the paths of goals must
            lie, links resolved, wherever the goals are handed in. When not set, a goal may name any
            file on the command line, where a person gives it, files of the folder that it was
            started in over ``perdure dev``, and over ``perdure api`` only files that were handed
            in there.
        batch_prefixes: ``PERDURE_BATCH_PREFIXES``: comma-separated prefixes of object storage, such
            as ``s3://inbox/{tenant}/``, whose objects callers of the API may make items of batches,
            with the API's credentials; none when not set.
        upload_bytes: ``PERDURE_UPLOAD_BYTES``: how many bytes a file may have that is handed in to
            the API.
        callback_secret: ``PERDURE_CALLBACK_SECRET``: the secret that callbacks are signed with, of
            24 characters at least, the same for the API and for workers; without one there are
            none.
        callback_allow: ``PERDURE_CALLBACK_ALLOW``: comma-separated host names, addresses and
            networks that callbacks may go to although they are not public.
        retention_days: ``PERDURE_RETENTION_DAYS``: comma-separated, how many days goals are kept
            after their end: ``30`` for all, ``failed=90`` for a status (``completed``, ``failed``,
            ``cancelled``, ``terminated``), ``acme/30`` and ``acme/failed=90`` for a tenant, whose
            own entries count before the others; ``forever`` instead of a number keeps them. Those
            that no entry is about are kept. The same for all workers.
        web_allow: ``PERDURE_WEB_ALLOW``: comma-separated host names, addresses and networks, such
            as ``wiki.example, 10.1.0.0/16``, that agents may fetch from although they are not
            public.
        trace_url: ``PERDURE_TRACE_URL``: where people look at a trace, with ``{trace_id}`` in its
            place, such as ``https://traces.example/trace/{trace_id}``.
        web_proxy: ``PERDURE_WEB_PROXY``: the address of a proxy through which agents fetch, such as
            ``http://proxy.example:3128``; ``HTTP_PROXY`` and its like are ignored.
    """

    model_config = SettingsConfigDict(
        env_prefix="PERDURE_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    home: Path = Field(default_factory=lambda: platformdirs.user_data_path("perdure"))
    cache: Path = Field(default_factory=lambda: platformdirs.user_cache_path("perdure"))
    database_url: str = ""
    listen_url: str = ""
    artifacts_url: str = ""
    redis_url: str = ""
    adopt_namespace: str = ""
    encryption_keys: str = ""
    audit_key: str = ""
    audit_anchor: str = ""
    audit_retention_days: Annotated[int, Field(ge=1)] = 2557
    codec_origins: _NameList = ()
    api_url: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    api_keys: _NameList = ()
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""
    oidc_audience: str = ""
    oidc_tenant_claim: str = ""
    oidc_scopes_claim: str = "scope"
    oidc_scopes: _NameList = (
        "perdure:read=read",
        "perdure:submit=submit",
        "perdure:approve=approve",
        "perdure:admin=admin",
    )
    key_rate: Annotated[Rate | None, NoDecode] = None
    tenant_rate: Annotated[Rate | None, NoDecode] = None
    tenant_goals: Annotated[Rate | None, NoDecode] = None
    policy: Path | None = None
    plugins_allow: _NameList = ()
    plugins_deny: _NameList = ()
    plugin_files: Annotated[tuple[Path, ...], NoDecode] = ()
    plugin_import_seconds: float = 10.0
    event_log: Path | None = None
    log_levels: Annotated[dict[str, int] | None, NoDecode] = None
    metrics_address: Annotated[Address | None, NoDecode] = None
    max_concurrent_goals: int = 1000
    max_cached_workflows: Annotated[int, Field(ge=2)] = 1000
    concurrent_goals: str = ""
    stall_seconds: Annotated[float, Field(gt=0)] = 900.0
    drain_seconds: Annotated[float, Field(ge=0)] = 20.0
    memory_target: Annotated[float, Field(gt=0, le=1)] = 0.85
    pool: Annotated[str, Field(pattern=f"^{_NAME}$", max_length=64)] = "default"
    agent_pools: Annotated[dict[str, str], NoDecode, Field(default_factory=dict)]
    build_id: str = ""
    make_current: bool = False
    model: str = ""
    model_cache: bool = False
    run_cache_bytes: Annotated[int, Field(ge=0)] = 2_000_000_000
    file_roots: Annotated[tuple[Path, ...] | None, NoDecode] = None
    batch_prefixes: _NameList = ()
    upload_bytes: Annotated[int, Field(ge=0)] = 500_000_000
    callback_secret: str = ""
    callback_allow: _NameList = ()
    retention_days: str = ""
    web_allow: _NameList = ()
    trace_url: str = ""
    web_proxy: str = ""

    @field_validator(
        "api_keys",
        "codec_origins",
        "oidc_scopes",
        "trusted_proxies",
        "plugins_allow",
        "plugins_deny",
        "plugin_files",
        "file_roots",
        "batch_prefixes",
        "callback_allow",
        "web_allow",
        mode="before",
    )
    @classmethod
    def _split_commas(cls, names: object) -> object:
        if isinstance(names, str):
            return tuple(part.strip() for part in names.split(",") if part.strip())
        return names

    @field_validator("callback_secret")
    @classmethod
    def _check_length(cls, secret: str) -> str:
        if 0 < len(secret) < MIN_SECRET_CHARACTERS:
            raise ValueError(
                f"give at least {MIN_SECRET_CHARACTERS} characters, as openssl rand -base64 32 does"
            )
        return secret

    @field_validator("trace_url")
    @classmethod
    def _check_template(cls, url: str) -> str:
        if url and ("{trace_id}" not in url or not url.startswith(("https://", "http://"))):
            raise ValueError("write it as https://traces.example/trace/{trace_id}")
        return url

    @field_validator("artifacts_url")
    @classmethod
    def _check_artifacts_url(cls, url: str) -> str:
        parts = urlsplit(url)
        is_file = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
        is_bucket = parts.scheme in _BUCKETS and bool(parts.netloc)
        extra = "@" in parts.netloc or parts.query or parts.fragment
        if url and (extra or not (is_file or is_bucket)):
            raise ValueError(
                "write it as s3://bucket/prefix, gs://bucket/prefix, az://container/prefix"
                " or file:///folder; what else is needed, credentials above all, comes from the"
                " cloud's own variables, such as AWS_ACCESS_KEY_ID and AWS_ENDPOINT_URL"
            )
        return url.rstrip("/")

    @field_validator("codec_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if (
                parts.scheme not in {"http", "https"}
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise ValueError(f"{origin}: write it as https://cloud.temporal.io, with no path")
        return origins

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            is_address = parts.scheme in _REDIS and bool(parts.hostname) and parts.port != 0
        except ValueError:  # of the port
            is_address = False
        if url and not is_address:
            raise ValueError(
                "write it as redis://:password@host:6379/0, or with rediss:// for TLS; what is"
                " special in an address is to be escaped in the password"
            )
        return url

    @field_validator("oidc_issuer")
    @classmethod
    def _check_issuer(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        is_here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if issuer and parts.scheme != "https" and not (parts.scheme == "http" and is_here):
            raise ValueError("name the provider by its address, https://…")
        return issuer

    @field_validator("oidc_scopes")
    @classmethod
    def _check_scopes(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            if entry.rpartition("=")[2] not in _SCOPES:
                raise ValueError(f"{entry!r} gives none of the scopes {', '.join(_SCOPES)}")
        return entries

    @model_validator(mode="after")
    def _has_client(self) -> Self:
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("PERDURE_OIDC_ISSUER needs PERDURE_OIDC_CLIENT_ID too")
        return self

    @field_validator("key_rate", "tenant_rate", "tenant_goals", mode="before")
    @classmethod
    def _read_rate(cls, rate: object) -> object:
        if not isinstance(rate, str):
            return rate
        amount, _, unit = rate.replace(" ", "").partition("/")
        if not amount.isdecimal() or int(amount) < 1 or unit not in _UNITS:
            raise ValueError(f"write a rate as 600/minute, with one of {', '.join(_UNITS)}")
        return Rate(int(amount), _UNITS[unit])

    @field_validator("agent_pools", mode="before")
    @classmethod
    def _read_pools(cls, pools: object) -> object:
        if not isinstance(pools, str):
            return pools
        entries = [entry.partition("=") for entry in pools.split(",") if entry.strip()]
        named = {agent.strip(): pool.strip() for agent, _, pool in entries}
        for agent, pool in named.items():
            if not all(re.fullmatch(_NAME, name) for name in (agent, pool)):
                raise ValueError(f"{agent}={pool}: write it as code=sandbox, analysis=gpu")
        return named

    @field_validator("log_levels", mode="before")
    @classmethod
    def _read_levels(cls, levels: object) -> object:
        if not isinstance(levels, str):
            return levels
        entries = [entry.strip().rpartition("=") for entry in levels.split(",") if entry.strip()]
        for _, _, level in entries:
            if level.strip().lower() not in _LEVELS:
                raise ValueError(f"{level.strip()!r} is no level: give one of {', '.join(_LEVELS)}")
        return {name.strip(): _LEVELS[level.strip().lower()] for name, _, level in entries}

    @field_validator("retention_days")
    @classmethod
    def _check_retention(cls, days: str) -> str:
        Retention.parse(days)
        return days

    @field_validator("concurrent_goals")
    @classmethod
    def _check_limits(cls, limits: str) -> str:
        ConcurrencyLimits.parse(limits)
        return limits

    @field_validator("metrics_address", mode="before")
    @classmethod
    def _read_address(cls, address: object) -> object:
        if not isinstance(address, str):
            return address
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError("write it as host:port, such as 127.0.0.1:9464")
        return Address(host.strip("[]"), int(port))

    @field_validator("home", "cache")
    @classmethod
    def _make_absolute(cls, folder: Path) -> Path:
        return folder.expanduser().absolute()

    @field_validator("event_log", "policy")
    @classmethod
    def _make_file_absolute(cls, file: Path | None) -> Path | None:
        return file.expanduser().absolute() if file is not None else None

    @field_validator("plugin_files", "file_roots")
    @classmethod
    def _make_files_absolute(cls, files: tuple[Path, ...] | None) -> tuple[Path, ...] | None:
        if files is None:
            return None
        return tuple(dict.fromkeys(file.expanduser().absolute() for file in files))

    def given(self) -> dict[str, str]:
        """Return what was set, by the names of the variables."""
        return {
            f"PERDURE_{name.upper()}": str(getattr(self, name)) for name in self.model_fields_set
        }

    def trace_address(self, trace_id: str | None) -> str:
        """Return where people look at a trace; empty without a trace, or a place for them."""
        return self.trace_url.replace("{trace_id}", trace_id) if trace_id else ""
