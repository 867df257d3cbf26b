"""The routes of batch transcription: jobs, their files, and the signed content of the files."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from speechkit.local.envelope import RefusalError, not_found, storage_denied
from speechkit.local.filters import page
from speechkit.local.requests import parse_submission, parse_update, read_json, sas_minutes
from speechkit.local.service import PREFIX, Service, api, id_of, link, patch_of, plain, public, version_of
from speechkit.local.signatures import iso
from speechkit.local.store import Job, ResultFile, created

JOB_FIELDS: Final = (
    "displayName",
    "description",
    "createdDateTime",
    "lastActionDateTime",
    "status",
    "locale",
)
FILE_FIELDS: Final = ("name", "createdDateTime", "kind")
RETRY_AFTER_S: Final = 1  # of a running job; the service in the cloud wants minutes


async def submit(request: Request, service: Service) -> Response:
    """POST /transcriptions:submit."""
    body = read_json(await request.body())
    asked = parse_submission(
        body, check_model=service.check_model, check_destination=service.check_destination
    )
    definition: dict[str, Any] = {"locale": asked.locale, "properties": asked.properties}
    if asked.model:
        definition["model"] = asked.model
    if asked.container_url:
        definition["contentContainerUrl"] = asked.container_url
    job = service.store.add_job(
        version_of(request),
        definition,
        asked.display_name,
        description=asked.description,
        custom_properties=asked.custom_properties,
        urls=[(url, f"contenturl_{i}.json") for i, url in enumerate(asked.content_urls or [])],
    )
    stuck = service.misbehaves(request, "stuck")
    service.jobs.submit(job, hold=service.misbehaviour.released if stuck else None)
    entity = _job_entity(request, job)
    return JSONResponse(entity, status_code=201, headers={"Location": entity["self"]})


async def get_job(request: Request, service: Service) -> Response:
    """GET /transcriptions/{id}."""
    job = _job(request, service)
    return JSONResponse(_job_entity(request, job), headers=_retry(job))


async def list_jobs(request: Request, service: Service) -> Response:
    """GET /transcriptions."""
    jobs = [job for job in service.store.jobs() if job.version <= version_of(request)]
    return JSONResponse(page(request, jobs, JOB_FIELDS, lambda job: _job_entity(request, job)))


async def update_job(request: Request, service: Service) -> Response:
    """PATCH /transcriptions/{id}."""
    body, merges = await patch_of(request)
    job = _job(request, service)
    changes = parse_update(body, job.custom_properties or {} if merges else None)
    service.store.update_job(job.id, changes)
    return JSONResponse(_job_entity(request, _job(request, service)))


async def delete_job(request: Request, service: Service) -> Response:
    """DELETE /transcriptions/{id}: 204 also when there is no such job (any more)."""
    service.jobs.delete(id_of(request))
    return Response(status_code=204)


async def list_files(request: Request, service: Service) -> Response:
    """GET /transcriptions/{id}/files."""
    job = _job(request, service)
    minutes = sas_minutes(request.query_params.get("sasLifetimeMinutes"))
    files = service.store.files(job.id) if job.finished else []
    listed = page(request, files, FILE_FIELDS, lambda file: _file_entity(request, service, file, minutes))
    return JSONResponse(listed, headers=_retry(job))


async def get_file(request: Request, service: Service) -> Response:
    """GET /transcriptions/{id}/files/{fileId}."""
    job = _job(request, service)
    minutes = sas_minutes(request.query_params.get("sasLifetimeMinutes"))
    file_id = id_of(request, "file_id")
    file = next((f for f in service.store.files(job.id) if f.id == file_id), None) if job.finished else None
    if file is None:
        raise not_found("There is no such file of this transcription.")
    return JSONResponse(_file_entity(request, service, file, minutes))


async def get_content(request: Request, service: Service) -> Response:
    """GET /results/{id}/{fileId}?se&sig: the content of a file, with its signature for a key."""
    verdict = service.signer.check(request.url.path, request.query_params)
    if verdict == "expired":
        return storage_denied(403, "AuthenticationFailed", "The signature has expired. List the files again.")
    if verdict == "wrong":
        return storage_denied(403, "AuthenticationFailed", "The signature does not fit this URL.")
    content = service.store.content(request.path_params["id"], request.path_params["file_id"])
    if content is None:
        return storage_denied(
            404, "BlobNotFound", "The transcription was deleted, or its time to live is over."
        )
    return Response(content, media_type="application/json")


ROUTES: Final = [
    Route(f"{PREFIX}/transcriptions:submit", api(submit), methods=["POST"]),
    Route(f"{PREFIX}/transcriptions", api(list_jobs), methods=["GET"]),
    Route(f"{PREFIX}/transcriptions/{{id}}", api(get_job), methods=["GET"]),
    Route(f"{PREFIX}/transcriptions/{{id}}", api(update_job), methods=["PATCH"]),
    Route(f"{PREFIX}/transcriptions/{{id}}", api(delete_job), methods=["DELETE"]),
    Route(f"{PREFIX}/transcriptions/{{id}}/files", api(list_files), methods=["GET"]),
    Route(f"{PREFIX}/transcriptions/{{id}}/files/{{file_id}}", api(get_file), methods=["GET"]),
    Route("/results/{id}/{file_id}", plain(get_content), methods=["GET"]),
]


def _job(request: Request, service: Service) -> Job:
    job = service.store.job(id_of(request))
    if job is None:
        raise not_found("There is no such transcription. It was deleted, or its time to live is over.")
    if job.version > version_of(request):
        raise RefusalError(
            "InvalidRequest",
            f"The API version cannot be used to access this transcription. It was made with {job.version}: "
            "use that version.",
            inner="InvalidTranscription",
            target="api-version",
        )
    return job


def _retry(job: Job) -> dict[str, str]:
    return {} if job.finished else {"Retry-After": str(RETRY_AFTER_S)}


def _job_entity(request: Request, job: Job) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "self": link(request, f"/transcriptions/{job.id}"),
        "displayName": job.display_name,
    }
    if job.description is not None:
        entity["description"] = job.description
    if job.custom_properties is not None:
        entity["customProperties"] = job.custom_properties
    entity |= {
        "locale": job.definition["locale"],
        "createdDateTime": created(job),
        "lastActionDateTime": iso(job.acted_s),
    }
    if "model" in job.definition:
        entity["model"] = {"self": job.definition["model"]}
    entity["links"] = {"files": link(request, f"/transcriptions/{job.id}/files")}
    entity["properties"] = public(job.definition["properties"])
    if job.finished:
        entity["properties"]["durationMilliseconds"] = job.duration_ms or 0
    if job.error:
        entity["properties"]["error"] = job.error
    return entity | {"status": job.status}


def _file_entity(request: Request, service: Service, file: ResultFile, minutes: int) -> dict[str, Any]:
    return {
        "self": link(request, f"/transcriptions/{file.job_id}/files/{file.id}"),
        "name": file.name,
        "kind": file.kind,
        "links": {"contentUrl": service.signed(request, f"/results/{file.job_id}/{file.id}", minutes)},
        "properties": {"size": file.size},
        "createdDateTime": created(file),
    }
