from pathlib import Path

import pytest
from pydantic import ValidationError

from model.catalog import SHIPPED
from worker.lifetimes import Lifetimes
from worker.settings import Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def table():
    """The rows of docs/configuration.md."""
    rows = []
    for name in sorted(Settings.model_fields, key=Lifetimes.model_fields.__contains__):
        field = Settings.model_fields[name]
        default = "" if field.default in (None, "") else f"`{shown(field.default)}`"
        rows.append(f"| `{field.validation_alias}` | {default} | {field.description} |\n")
    return "".join(rows)


def shown(default):
    """A default as a reader on another machine has it."""
    return str(default).replace(str(SHIPPED.parent.parent), ".").replace(str(Path.home()), "~")


def test_every_setting_is_documented_as_it_is():
    rows = [line for line in DOCUMENT.read_text().splitlines(keepends=True) if line.startswith("| `")]

    assert "".join(rows) == table()


def test_settings_reach_another_process_unchanged(monkeypatch, tmp_path):
    settings = Settings(data=tmp_path, redis_url="redis://elsewhere:1/2", max_attempts=7, s3_bucket=None)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    assert Settings() == settings


def test_an_empty_variable_is_an_unset_one(monkeypatch):
    monkeypatch.setenv("S3_BUCKET", "")
    monkeypatch.setenv("REDIS_URL", "")

    assert Settings().s3_bucket is None
    assert "redis_url" not in Settings().model_fields_set


@pytest.mark.parametrize("name", ["S3_ENDPOINT_URL", "S3_PUBLIC_URL"])
def test_a_password_in_an_address_is_refused_and_not_shown(monkeypatch, name):
    monkeypatch.setenv(name, "https://user:hunter2@s3.example")

    with pytest.raises(ValidationError, match="credentials do not belong") as told:
        Settings()

    assert "hunter2" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("CIOTAT_OUTBOUND_PORTS", ["0", "65536", "https", "-1", "80;443"]),
        ("CIOTAT_OUTBOUND_NETWORKS", ["10.0.0.1/8", "10.0.0.0/33", "localhost"]),
        ("CIOTAT_WEBHOOK_WAITS", ["soon", "-1", "nan", "inf", "300000,300000"]),
    ],
)
def test_a_list_with_something_else_in_it_is_refused(monkeypatch, name, values):
    for value in values:
        monkeypatch.setenv(name, value)
        with pytest.raises(ValidationError, match=name):
            Settings()
