"""Every setting of every process, read once from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from model.catalog import SHIPPED
from worker.kinds import Address, Networks, Ports, Sizes, Waits
from worker.lifetimes import Lifetimes
from worker.limits import DEFAULTS, QUEUE_COST, Limits


class Settings(Lifetimes):
    """A field's description is its line in docs/configuration.md; a test keeps the two together."""

    model_config = SettingsConfigDict(
        frozen=True, populate_by_name=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        validation_alias="REDIS_URL",
        description="Redis or Valkey for jobs and the queue; given, `ciotat up` starts none of its own",
    )
    data: Path = Field(
        Path.home() / ".local" / "share" / "ciotat",
        validation_alias="CIOTAT_DATA",
        description="folder of the one-machine stack: its Valkey and, without S3, its videos",
    )
    s3_bucket: str | None = Field(
        None,
        validation_alias="S3_BUCKET",
        description="bucket for videos; unset means the folder `videos` of `CIOTAT_DATA`",
    )
    s3_endpoint_url: Address | None = Field(
        None,
        validation_alias="S3_ENDPOINT_URL",
        description="address of an S3-compatible server; unset means AWS",
    )
    s3_public_url: Address | None = Field(
        None,
        validation_alias="S3_PUBLIC_URL",
        description="address of that server in links for clients; unset means `S3_ENDPOINT_URL`",
    )
    s3_timeout_seconds: float = Field(
        15.0,
        gt=0,
        validation_alias="S3_TIMEOUT_SECONDS",
        description="how long the S3 server may be silent before a request to it is given up",
    )
    s3_attempts: int = Field(
        3,
        ge=1,
        validation_alias="S3_ATTEMPTS",
        description="tries of one request to the S3 server before the video's job fails",
    )
    checkpoints: Path = Field(
        SHIPPED,
        validation_alias="CIOTAT_CHECKPOINTS",
        description="folder of checkpoint folders; each one's name is a `model` that can be asked for",
    )
    device: str = Field(
        "auto",
        validation_alias="CIOTAT_DEVICE",
        description="`cpu`, `cuda`, `cuda:1`, ...; `auto` takes a GPU when there is one",
    )
    window_batch: int = Field(
        1, ge=1, validation_alias="CIOTAT_WINDOW_BATCH", description="windows of super-resolution at a time"
    )
    optimise_sizes: Sizes = Field(
        "",
        validation_alias="CIOTAT_OPTIMISE_SIZES",
        description="sizes of video for which a worker on a GPU compiles its networks when it starts, as in "
        "`512x512,1024x1024`; unset: none. On CPUs compiling does not pay, and nothing is compiled",
    )
    queue: str = Field(
        "ciotat", validation_alias="CIOTAT_QUEUE", description="name of the Celery queue that workers consume"
    )
    lease_seconds: float = Field(
        120.0,
        gt=0,
        validation_alias="CIOTAT_LEASE_SECONDS",
        description="how long a worker may stay silent before its job may be claimed by another",
    )
    drain_seconds: float = Field(
        25.0,
        gt=0,
        validation_alias="CIOTAT_DRAIN_SECONDS",
        description="how long a worker that is told to end may take to finish its video or to hand it back",
    )
    max_attempts: int = Field(
        3,
        ge=1,
        validation_alias="CIOTAT_MAX_ATTEMPTS",
        description="claims of one job before it is failed instead of tried again",
    )
    patience_seconds: float = Field(
        300.0,
        ge=0,
        validation_alias="CIOTAT_PATIENCE_SECONDS",
        description="how long a worker tries again what the job store or the storage does not take",
    )
    max_body_bytes: int = Field(
        1 << 20,
        ge=1,
        validation_alias="CIOTAT_MAX_BODY_BYTES",
        description="largest accepted request body; more is answered with 413",
    )
    max_upload_bytes: int = Field(
        1 << 28, ge=1, validation_alias="CIOTAT_MAX_UPLOAD_BYTES", description="largest picture or clip"
    )
    max_image_pixels: int = Field(
        1 << 25,
        ge=1,
        validation_alias="CIOTAT_MAX_IMAGE_PIXELS",
        description="most pixels of an uploaded picture",
    )
    max_video_pixels: int = Field(
        2560 * 1440,
        ge=1,
        validation_alias="CIOTAT_MAX_VIDEO_PIXELS",
        description="most pixels of one frame of an uploaded clip",
    )
    max_video_frames: int = Field(
        1200, ge=1, validation_alias="CIOTAT_MAX_VIDEO_FRAMES", description="most frames of an uploaded clip"
    )
    max_video_seconds: float = Field(
        20.0, gt=0, validation_alias="CIOTAT_MAX_VIDEO_SECONDS", description="longest uploaded clip"
    )
    media_processes: int = Field(
        2,
        ge=1,
        validation_alias="CIOTAT_MEDIA_PROCESSES",
        description="uploads that one API process looks into at a time",
    )
    media_cpu_seconds: int = Field(
        30,
        ge=1,
        validation_alias="CIOTAT_MEDIA_CPU_SECONDS",
        description="processor time after which an upload that is looked into is refused",
    )
    media_memory_bytes: int = Field(
        1 << 30,
        ge=1 << 28,
        validation_alias="CIOTAT_MEDIA_MEMORY_BYTES",
        description="address space of the process that looks into an upload",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "WARNING",
        validation_alias="CIOTAT_LOG_LEVEL",
        description="from which level on the service's own messages are logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`",
    )

    image_urls: bool = Field(
        False,
        validation_alias="CIOTAT_IMAGE_URLS",
        description="whether an `image_url` may be an address that is fetched, and not only a data URL",
    )
    outbound_http: bool = Field(
        False,
        validation_alias="CIOTAT_OUTBOUND_HTTP",
        description="whether addresses that clients give may begin with `http://` too; for development",
    )
    outbound_ports: Ports = Field(
        "80,443,8443",
        validation_alias="CIOTAT_OUTBOUND_PORTS",
        description="ports that addresses of clients may name",
    )
    outbound_networks: Networks = Field(
        "",
        validation_alias="CIOTAT_OUTBOUND_NETWORKS",
        description="networks that may be called for clients although not public, as in `10.1.2.0/24,fd00::/8`",
    )
    webhook_waits: Waits = Field(
        "5,300,1800,7200,18000,36000,50400,72000,86400",
        validation_alias="CIOTAT_WEBHOOK_WAITS",
        description="seconds between the attempts to deliver an event; behind the last it is given up",
    )
    webhook_seconds: float = Field(
        15.0,
        gt=0,
        validation_alias="CIOTAT_WEBHOOK_SECONDS",
        description="how long a webhook endpoint may take to answer",
    )
    webhook_patience_seconds: float = Field(
        5 * 24 * 3600.0,
        gt=0,
        validation_alias="CIOTAT_WEBHOOK_PATIENCE_SECONDS",
        description="how long a webhook endpoint may fail without a success before it is disabled",
    )
    webhook_concurrency: int = Field(
        16,
        ge=1,
        validation_alias="CIOTAT_WEBHOOK_CONCURRENCY",
        description="how many webhook deliveries one deliverer makes at once",
    )

    tenant_jobs: int = Field(
        DEFAULTS.jobs,
        ge=0,
        validation_alias="CIOTAT_TENANT_JOBS",
        description="unfinished videos that a tenant may have, unless `ciotat tenants set` says otherwise",
    )
    tenant_cost_a_day: int = Field(
        DEFAULTS.cost_a_day,
        ge=0,
        validation_alias="CIOTAT_TENANT_COST_A_DAY",
        description="megapixel-steps a day of UTC that a tenant may use, likewise",
    )
    tenant_requests_a_second: int = Field(
        DEFAULTS.requests_a_second,
        ge=1,
        validation_alias="CIOTAT_TENANT_REQUESTS_A_SECOND",
        description="requests a second that a tenant may make, likewise",
    )
    queue_cost: int = Field(
        QUEUE_COST,
        ge=1,
        validation_alias="CIOTAT_QUEUE_COST",
        description="megapixel-steps of unfinished videos, of all tenants together, above which no more are taken",
    )

    @property
    def limits(self) -> Limits:
        """What a tenant may have of which nothing else was said."""
        return Limits(self.tenant_jobs, self.tenant_cost_a_day, self.tenant_requests_a_second)

    link_seconds: int = Field(
        900,
        ge=0,
        le=7 * 24 * 3600,
        validation_alias="CIOTAT_LINK_SECONDS",
        description="most life of a link to a bucket that a download is redirected to; 0: the API passes the bytes on",
    )
    notice_seconds: float = Field(
        0.0,
        ge=0,
        validation_alias="CIOTAT_NOTICE_SECONDS",
        description="how long the API goes on after it has said that it will end, for balancers to notice",
    )
    grace_seconds: float = Field(
        5.0,
        gt=0,
        validation_alias="CIOTAT_GRACE_SECONDS",
        description="how long the calls that are running may take to end when the API ends",
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        validation_alias="CIOTAT_METRICS_PORT",
        description="port of `/metrics` of an API process; unset means none",
    )
    metrics_host: str = Field(
        "127.0.0.1", validation_alias="CIOTAT_METRICS_HOST", description="address of that port"
    )
    tls_certificate: Path | None = Field(
        None,
        validation_alias="CIOTAT_TLS_CERTIFICATE",
        description="PEM file with the certificate chain of both doors; unset means no TLS",
    )
    tls_key: Path | None = Field(
        None, validation_alias="CIOTAT_TLS_KEY", description="PEM file with the key of that certificate"
    )
    tls_client_ca: Path | None = Field(
        None,
        validation_alias="CIOTAT_TLS_CLIENT_CA",
        description="PEM file with the authority whose certificates clients must show; unset means any client",
    )

    @model_validator(mode="after")
    def _certificate_is_whole(self) -> "Settings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("CIOTAT_TLS_CERTIFICATE and CIOTAT_TLS_KEY go together")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("CIOTAT_TLS_CLIENT_CA asks for CIOTAT_TLS_CERTIFICATE")
        return self

    def environment(self) -> dict[str, str]:
        """These settings as another process of ours reads them."""
        values = {
            str(field.validation_alias): getattr(self, name)
            for name, field in type(self).model_fields.items()
        }
        return {name: str(value) for name, value in values.items() if value is not None}
