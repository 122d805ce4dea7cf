from pathlib import Path

from worker.settings import Settings, table

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


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
