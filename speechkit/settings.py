"""Settings, read from the environment or from a `.env` file in the working folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from speechkit import limits
from speechkit.errors import SettingsError


class Settings(BaseSettings):
    """What speechkit is configured with; everything is optional, and nothing at all means the local service.

    Each field is the environment variable of the same name in capitals. Secrets never show in a repr.

    >>> Settings(speech_endpoint=None, speech_key="abc").speech_key
    SecretStr('**********')
    """

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    speech_endpoint: str | None = None
    speech_key: SecretStr | None = None
    speech_api_version: str = limits.DEFAULT_API_VERSION
    storage_account_url: str | None = None
    storage_container: str = "recordings"
    storage_connection_string: SecretStr | None = None
    storage_plain_urls: bool = False
    openai_endpoint: str | None = None
    openai_api_key: SecretStr | None = None
    openai_model: str | None = None
    home: Path = Field(
        default_factory=lambda: Path.home() / ".speechkit",
        validation_alias="SPEECHKIT_HOME",
    )

    def __init__(self, **given: Any) -> None:
        # "home" as a second alias would be read from the environment too, and HOME is another folder
        if "home" in given:
            given["SPEECHKIT_HOME"] = given.pop("home")
        super().__init__(**given)

    @field_validator("speech_endpoint", "storage_account_url", "openai_endpoint")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("https://", "http://")):
            raise ValueError("must start with https:// (or http:// for a service on this machine)")
        return value.rstrip("/") if value else value

    @field_validator("speech_api_version")
    @classmethod
    def _is_served(cls, value: str) -> str:
        if value not in limits.API_VERSIONS:
            raise ValueError(f"must be one of {', '.join(limits.API_VERSIONS)}; older versions are retired")
        return value

    @field_validator("home")
    @classmethod
    def _expand(cls, value: Path) -> Path:
        return value.expanduser()

    @property
    def mode(self) -> Literal["azure", "local"]:
        """`azure` when SPEECH_ENDPOINT is set, else `local`."""
        return "azure" if self.speech_endpoint else "local"


def read_settings(**given: Any) -> Settings:
    """Read the settings of this process, or raise SettingsError that names each wrong variable.

    What is `given`, by the names of the fields, goes before the environment.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        wrong = "; ".join(f"{str(e['loc'][0]).upper()} {e['msg']}" for e in error.errors())
        raise SettingsError(
            f"the settings cannot be used: {wrong}. Correct the environment or .env."
        ) from None
