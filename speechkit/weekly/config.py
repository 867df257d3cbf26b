"""What `speechkit weekly` is told in its TOML file."""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from speechkit.errors import SettingsError

Day: TypeAlias = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_SHORTEST_DAYS: Final = 28  # what is removed must not be a week that a late run still works on


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Transcribe(_Part):
    """How recordings are transcribed: as the options of `speechkit transcribe` say."""

    locale: str = "en-US"
    diarize: int | None = Field(default=None, ge=0)
    max_hours: float | None = Field(default=None, gt=0)
    max_wait_minutes: float | None = Field(default=None, gt=0)
    delete: bool = False


class Summarize(_Part):
    """Whether calls are summarized, and the money that the calls of one week may cost."""

    enabled: bool = True
    price_input_per_million: float | None = Field(default=None, ge=0)
    price_output_per_million: float | None = Field(default=None, ge=0)
    max_cost: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _has_both_prices(self) -> Summarize:
        prices = (self.price_input_per_million, self.price_output_per_million)
        if (prices[0] is None) != (prices[1] is None) or (self.max_cost is not None and None in prices):
            raise ValueError(
                "a cost is counted with both price_input_per_million and price_output_per_million"
            )
        return self


class Report(_Part):
    """A report: of the week, or with `by` one for each call, agent, day or queue of the corpus; `pdf` prints it."""

    name: str
    by: Literal["call", "agent", "day", "queue"] | None = None
    pdf: bool = False
    parameters: dict[str, str | int | float | bool] = {}


class Retention(_Part):
    """After how many days calls leave the corpus, with what was made of them."""

    days: int = Field(ge=_SHORTEST_DAYS)


class Config(_Part):
    """The whole of the file; paths are read from the folder that it lies in."""

    recordings: Annotated[list[str], BeforeValidator(_several)] = Field(min_length=1)
    corpus: str
    reports: str
    metadata: str | None = None
    scheduler: str | None = None
    first_day: Day = "monday"
    transcribe: Transcribe = Transcribe()
    summarize: Summarize = Summarize()
    report: list[Report] = []
    retention: Retention | None = None

    @field_validator("scheduler")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is not None and not re.fullmatch(r"(tcp|tls)://[^/\s]+:\d+", address):
            raise ValueError("write the address that `dask scheduler` says, such as tcp://10.0.0.1:8786")
        return address


def read_config(path: Path) -> Config:
    """Read a config; raises SettingsError that names every unknown key and every wrong value of it."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}. docs/unattended.md has an example to copy."
        ) from error
    except ValueError as error:  # of TOML or UTF-8
        raise SettingsError(f"{path} is not TOML: {error}. Correct that line.") from error
    try:
        config = Config.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(_told(problem) for problem in error.errors())
        raise SettingsError(f"{path} cannot be used: {wrong}. docs/unattended.md lists the keys.") from None
    folder = path.absolute().parent
    places = {
        "recordings": [_placed(folder, item) for item in config.recordings],
        "corpus": _placed(folder, config.corpus),
        "reports": _placed(folder, config.reports),
        "metadata": config.metadata,
        "report": [
            one.model_copy(update={"name": _placed(folder, one.name)}) if one.name.endswith(".ipynb") else one
            for one in config.report
        ],
    }
    if config.metadata and "{" not in config.metadata:
        places["metadata"] = _placed(folder, config.metadata)
    if any("://" in item for item in config.recordings):
        raise SettingsError(
            f"{path}: recordings are files and folders here, since the date of a file says which week it is of. "
            "Transcribe URLs with `speechkit transcribe`."
        )
    return config.model_copy(update=places)


def _placed(folder: Path, given: str) -> str:
    return given if "://" in given else str(folder / Path(given).expanduser())


def _told(problem: Any) -> str:
    """Say in a few words what is wrong with one key.

    >>> _told({"loc": ("transcribe", "locle"), "type": "extra_forbidden", "msg": "", "input": 1})
    "there is no key transcribe.locle (did you mean 'locale'?)"
    >>> _told({"loc": ("report", 0, "by"), "type": "literal_error", "msg": "Input should be 'call'", "input": "x"})
    "report[1].by = 'x': input should be 'call'"
    """
    loc = problem["loc"]
    name = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    if problem["type"] == "extra_forbidden":
        parts: dict[str, type[BaseModel]] = {
            "transcribe": Transcribe,
            "summarize": Summarize,
            "report": Report,
            "retention": Retention,
        }
        near = get_close_matches(str(loc[-1]), parts.get(str(loc[0]), Config).model_fields, n=1)
        return f"there is no key {name}" + (f" (did you mean {near[0]!r}?)" if near else "")
    if problem["type"] == "missing":
        return f"the key {name} is missing"
    said = str(problem["msg"]).removeprefix("Value error, ")
    said = said[:1].lower() + said[1:]
    return (
        f"{name}: {said}" if isinstance(problem["input"], dict) else f"{name} = {problem['input']!r}: {said}"
    )
