"""Webhooks: who is called when something happens to a job, and the calls, signed, in order and repeated.

Everything is called from the event loop of the service. A call-back is kept before it is made and removed
once it has arrived, so that it is made at least once, also across a restart: the receiver knows a repeated
one by its invocationId.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import secrets
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from speechkit.local.fetch import LOOPBACK, Fetcher
from speechkit.local.signatures import iso
from speechkit.local.store import Store
from speechkit.local.webhook_store import Delivery, Webhook, WebhookStore

if TYPE_CHECKING:
    import httpx

log = logging.getLogger("speechkit.local")

EVENT_HEADER: Final = "X-MicrosoftSpeechServices-Event"
SIGNATURE_HEADER: Final = "X-MicrosoftSpeechServices-Signature"
EVENTS: Final = frozenset(
    {
        f"{entity}{what}"
        for entity in ("dataset", "model", "evaluation", "transcription", "endpoint")
        for what in ("Creation", "Processing", "Completion", "Deletion")
    }
    | {"ping", "challenge"}
)

# How often the service in the cloud tries is not published: "several times", then it disables the webhook.
ATTEMPTS: Final = 8
CHALLENGE_ATTEMPTS: Final = 3  # for a receiver that is just starting; a wrong answer is not asked for again
FIRST_DELAY_S: Final = 1.0  # doubled each time: two minutes in all
MAX_DELAY_S: Final = 60.0
ANSWER_S: Final = 10.0  # a receiver has so long to answer
WAIT_S: Final = 5.0  # before a webhook whose state cannot be written is tried again
_TOKEN_BYTES: Final = 16
_MAX_ANSWER_BYTES: Final = 1024  # no more of an answer is read


class Webhooks:
    """Keeps the webhooks of a service and calls them, each one's call-backs in their order.

    `base` is where the API is now; None takes that of the registration.
    """

    def __init__(self, store: Store, fetcher: Fetcher) -> None:
        self.store = WebhookStore(store)
        self.base: str | None = None
        self.first_delay_s = FIRST_DELAY_S
        self._fetcher = fetcher
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._clients: dict[bool, httpx.AsyncClient] = {}

    def start(self) -> None:
        """Go on with what an earlier service of this state left undone."""
        for webhook in self.store.webhooks():
            self.wake(webhook.id)

    async def stop(self) -> None:
        """Leave the call-backs as they are; the next service goes on with them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    @property
    def busy(self) -> bool:
        """Whether any call-back is still to be made."""
        return bool(self._tasks)

    def allows(self, url: str) -> bool:
        """Whether a URL may be called: this machine, and hosts on the service's allow-list."""
        return urlsplit(url).hostname in LOOPBACK or self._fetcher.allows(url)

    def on_event(self, job_id: str, what: str) -> None:
        """Something happened to a job: call who wants to know."""
        event = f"transcription{what}"
        try:
            for webhook in self.store.webhooks():
                if webhook.status == "Succeeded" and webhook.wants(event):
                    self.notify(webhook, event, f"/transcriptions/{job_id}")
        except sqlite3.Error as error:  # the job must go on
            log.error("the %s of job %s is not announced: %s", what.lower(), job_id, error)

    def notify(self, webhook: Webhook, event: str, subject: str) -> None:
        """Call one webhook for an event of an entity, which is named by its path."""
        self.store.add_delivery(webhook.id, event, subject)
        self.wake(webhook.id)

    def wake(self, webhook_id: str) -> None:
        """See to the challenge and the call-backs of a webhook in the background."""
        running = self._tasks.get(webhook_id)
        if running is None or running.done():
            task = asyncio.create_task(self._serve(webhook_id))
            self._tasks[webhook_id] = task
            task.add_done_callback(lambda done: self._forget(webhook_id, done))

    def challenge(self, webhook_id: str) -> None:
        """The webhook has to answer a challenge (again) before it is called."""
        self.rest(webhook_id)
        self.store.update(webhook_id, {"status": "NotStarted", "error": None})
        self.wake(webhook_id)

    def rest(self, webhook_id: str) -> None:
        """Stop calling a webhook; what is being sent may arrive, and be sent once more."""
        task = self._tasks.pop(webhook_id, None)
        if task:
            task.cancel()

    def entity(self, webhook: Webhook, base: str, version: str) -> dict[str, Any]:
        """A webhook as the API shows it: without its secret."""
        address = f"{base}/webhooks/{webhook.id}"
        shown: dict[str, Any] = {
            "self": f"{address}?api-version={version}",
            "displayName": webhook.display_name,
        }
        if webhook.description is not None:
            shown["description"] = webhook.description
        if webhook.custom_properties is not None:
            shown["customProperties"] = webhook.custom_properties
        shown["properties"] = {"apiVersion": webhook.version}
        if webhook.error:
            shown["properties"]["error"] = webhook.error
        return shown | {
            "webUrl": webhook.web_url,
            "events": webhook.events,
            "createdDateTime": iso(webhook.created_s),
            "lastActionDateTime": iso(webhook.acted_s),
            "status": webhook.status,
            "links": {
                "ping": f"{address}:ping?api-version={version}",
                "test": f"{address}:test?api-version={version}",
            },
        }

    # --- in the background ----------------------------------------------------------------------------------

    def _forget(self, webhook_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(webhook_id) is task:
            del self._tasks[webhook_id]
        if not task.cancelled() and (error := task.exception()):  # a mistake of ours
            log.error("webhook %s", webhook_id, exc_info=error)

    async def _serve(self, webhook_id: str) -> None:
        while True:
            try:
                webhook = self.store.webhook(webhook_id)
                if webhook is None or webhook.status == "Failed":
                    return
                if webhook.status != "Succeeded":
                    await self._ask(webhook)
                    continue
                delivery = self.store.next_delivery(webhook_id)
                if delivery is None:
                    return
                await self._deliver(delivery)
            except sqlite3.Error as error:  # as a rule because the disk is full
                log.error("webhook %s waits: %s", webhook_id, error)
                await asyncio.sleep(WAIT_S)

    async def _ask(self, webhook: Webhook) -> None:
        """Make the challenge: the receiver proves that it wants to be called."""
        token = secrets.token_hex(_TOKEN_BYTES)
        parts = urlsplit(webhook.web_url)
        query = "&".join(filter(None, [parts.query, urlencode({"validationToken": token})]))
        url = urlunsplit(parts._replace(query=query))
        problem = None
        for attempt in range(1, CHALLENGE_ATTEMPTS + 1):
            answer = await self._post(url, "challenge", b"", _signed(webhook.secret, token.encode()))
            problem = answer if isinstance(answer, str) else None
            if isinstance(answer, bytes):
                if answer != token.encode():
                    problem = "its answer was not the validation token alone"
                break
            if attempt < CHALLENGE_ATTEMPTS:
                await asyncio.sleep(self._delay_s(attempt))
        if problem is None:
            self.store.update(webhook.id, {"status": "Succeeded"})
        else:
            self._fail(webhook.id, f"The challenge was not answered: {problem}.")

    async def _deliver(self, delivery: Delivery) -> None:
        problem = ""
        for attempt in range(1, ATTEMPTS + 1):
            webhook = self.store.webhook(delivery.webhook_id)  # it may have changed while we waited
            if webhook is None:
                return
            body = json.dumps(self._body(webhook, delivery)).encode()
            answer = await self._post(webhook.web_url, delivery.event, body, _signed(webhook.secret, body))
            if isinstance(answer, bytes):
                self.store.remove_delivery(delivery)
                return
            problem = answer
            log.warning("webhook %s, attempt %d: %s", webhook.id, attempt, problem)
            if attempt < ATTEMPTS:
                await asyncio.sleep(self._delay_s(attempt))
        self.store.drop_deliveries(delivery.webhook_id)
        self._fail(delivery.webhook_id, f"{ATTEMPTS} call-backs in a row failed; at the last, {problem}.")

    def _body(self, webhook: Webhook, delivery: Delivery) -> Mapping[str, Any]:
        base = self.base or webhook.base
        if delivery.event == "ping":
            return self.entity(webhook, base, webhook.version)
        address = f"{base}{delivery.subject}?api-version={webhook.version}"
        return {"self": address, "invocationId": delivery.id}

    def _fail(self, webhook_id: str, reason: str) -> None:
        message = f"{reason} Update the webhook when its receiver is well again: it is then challenged anew."
        error = {"code": "InvalidCallbackUri", "message": message}
        self.store.update(webhook_id, {"status": "Failed", "error": error})
        log.warning("webhook %s is disabled. %s", webhook_id, reason)

    def _delay_s(self, attempt: int) -> float:
        return min(MAX_DELAY_S, self.first_delay_s * 2.0 ** (attempt - 1))

    async def _post(self, url: str, event: str, body: bytes, headers: Mapping[str, str]) -> bytes | str:
        """Call a receiver once: the beginning of its answer, or what went wrong as half a sentence.

        Neither the URL, which may carry a key, nor what a stranger answered goes into the message.
        """
        import httpx

        if not self.allows(url):  # the list may have been another one when the webhook was registered
            return "its host is no longer on the allow-list"
        headers = {EVENT_HEADER: event[0].upper() + event[1:], "Content-Type": "application/json", **headers}
        headers["Accept-Encoding"] = "identity"  # nothing is unpacked that a stranger packed
        read = b""
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                self._client(url).stream("POST", url, content=body, headers=headers) as response,
            ):
                if not response.is_success or (event == "challenge" and response.status_code != 200):
                    return f"it answered {response.status_code}"
                async for chunk in response.aiter_raw(_MAX_ANSWER_BYTES):
                    read += chunk
                    if len(read) >= _MAX_ANSWER_BYTES:
                        break
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"it could not be reached ({type(error).__name__})"
        except TimeoutError:
            return f"it did not answer within {ANSWER_S:.0f} seconds"
        return read

    def _client(self, url: str) -> httpx.AsyncClient:
        """A client that follows no redirects, which would lead past the allow-list."""
        import httpx

        here = urlsplit(url).hostname in LOOPBACK
        if here not in self._clients:
            self._clients[here] = httpx.AsyncClient(timeout=ANSWER_S, trust_env=not here)
        self._clients[here].cookies.clear()  # what one receiver set is nothing for another one
        return self._clients[here]


def signature(secret: str, payload: bytes) -> str:
    """The signature of a call-back: base64 of the HMAC-SHA256 of its payload.

    >>> signature("secret", b"{}")
    'dzJZAsrKgS3CWXM6rNBGtzgXNyx3e42VtAJkdHRRbhM='
    """
    return base64.b64encode(hmac.new(secret.encode(), payload, hashlib.sha256).digest()).decode()


def _signed(secret: str | None, payload: bytes) -> dict[str, str]:
    return {SIGNATURE_HEADER: signature(secret, payload)} if secret else {}
