"""The routes of uploaded recordings: the stand-in for a container of blob storage."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from speechkit import limits
from speechkit.local.envelope import RefusalError, not_found, storage_denied
from speechkit.local.fetch import RECORDINGS
from speechkit.local.service import Service, plain
from speechkit.local.store import Recording

URL_MINUTES: Final = limits.SAS_LIFETIME_HOURS * 60


async def put_recording(request: Request, service: Service) -> Response:
    """PUT /recordings/{name}: keep the body, answer {"url"}, signed and expiring, for contentUrls."""
    name = request.path_params["name"]
    if not name or len(name) > 1024:
        raise RefusalError("InvalidArgument", "The name must have 1 to 1024 characters.", target="name")
    path = service.fetcher.download_path(name)
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("wb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > limits.MAX_BATCH_BYTES:
                    raise RefusalError(
                        "InvalidRequest",
                        f"A recording has at most {limits.MAX_BATCH_BYTES // 1_000_000} MB.",
                        status=413,
                    )
                digest.update(chunk)
                file.write(chunk)
        service.fetcher.keep(path)
        recording = Recording(name, path.name, digest.hexdigest(), size, time.time())
        replaced = service.store.add_recording(recording)
    except BaseException:
        path.unlink(missing_ok=True)  # nothing half-written stays
        raise
    service.fetcher.remove_upload(replaced)
    url = service.signed(request, f"{RECORDINGS}{name}", URL_MINUTES)
    return JSONResponse({"url": url}, status_code=201)


async def delete_recording(request: Request, service: Service) -> Response:
    """DELETE /recordings/{name}: 204 also when there is none."""
    service.fetcher.remove_upload(service.store.delete_recording(request.path_params["name"]))
    return Response(status_code=204)


async def delete_recognitions(request: Request, service: Service) -> Response:
    """DELETE /recognitions/{hash}: forget what was heard in these bytes; 204 also when nothing was."""
    forget_recognitions(service.store.database, request.path_params["hash"])
    return Response(status_code=204)


def forget_recognitions(database: sqlite3.Connection, content_hash: str) -> None:
    """Remove all that was heard in the audio of this hash.

    Keys of earlier versions do not tell whose they are: those go, too.
    """
    database.execute("DELETE FROM recognitions WHERE key LIKE 'sound:%' OR key NOT LIKE '%:%'")
    span = (f"{content_hash}:", f"{content_hash};")  # ";" is the character after ":"
    database.execute("DELETE FROM recognitions WHERE key >= ? AND key < ?", span)
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log holds the old pages


async def get_recording(request: Request, service: Service) -> Response:
    """GET /recordings/{name}?se&sig: the bytes, with the signature for a key."""
    name = request.path_params["name"]
    verdict = service.signer.check(f"{RECORDINGS}{name}", request.query_params)
    if verdict != "valid":
        reason = "has expired" if verdict == "expired" else "does not fit this URL"
        return storage_denied(
            403, "AuthenticationFailed", f"The signature {reason}. Publish the recording again."
        )
    recording = service.store.recording(name)
    if recording is None or not service.fetcher.upload(recording).exists():
        raise not_found(f"There is no recording {name} (any more).")
    return FileResponse(service.fetcher.upload(recording), media_type="application/octet-stream")


ROUTES: Final = [
    Route(f"{RECORDINGS}{{name:path}}", plain(put_recording), methods=["PUT"]),
    Route(f"{RECORDINGS}{{name:path}}", plain(delete_recording), methods=["DELETE"]),
    Route(f"{RECORDINGS}{{name:path}}", plain(get_recording), methods=["GET"]),
    Route("/recognitions/{hash}", plain(delete_recognitions), methods=["DELETE"]),
]
