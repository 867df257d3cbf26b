"""A small server on loopback that answers as a language model's API does, or misbehaves when a call tells it to.

A turn that holds `BEHAVE name` decides what the answer to its call is; without one the answer is good.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}


def good_answer(turns: list[dict[str, str]]) -> dict[str, Any]:
    """An answer whose quotes are the first and the last turn."""
    first, last = turns[0], turns[-1]
    start = {"quote": first["text"], "phrase_id": first["phrase_id"]}
    end = {"quote": last["text"], "phrase_id": last["phrase_id"]}
    return {
        "summary": [{**start, "text": "The customer asked for help."}, {**end, "text": "The agent gave it."}],
        "reason": {**start, "value": "billing"},
        "outcome": {**end, "value": "refund"},
        "resolved": {**end, "value": "yes"},
        "mood_start": {**start, "value": "negative"},
        "mood_end": {**end, "value": "neutral"},
        "actions": [{**end, "text": "Send the invoice.", "owner": "agent", "due": ""}],
        "promises": [],
        "products": [],
        "turn_moods": [{"phrase_id": last["phrase_id"], "value": "neutral"}],
    }


class ModelServer:
    """What the server was asked, and how it answers; `most_at_once` is the most requests it had under way."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answer: Callable[[list[dict[str, str]]], dict[str, Any]] = good_answer
        self.delay_s = 0.0
        self.most_at_once = 0
        self.url = ""
        self._now = 0
        self._seen: dict[str, int] = {}
        self._lock = threading.Lock()

    def handle(self, body: dict[str, Any]) -> tuple[int, dict[str, str], str] | None:
        """Status, headers and body of the answer; None closes the connection without one."""
        with self._lock:
            self.requests.append(body)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            time.sleep(self.delay_s)
            return self._answer(body)
        finally:
            with self._lock:
                self._now -= 1

    def _answer(self, body: dict[str, Any]) -> tuple[int, dict[str, str], str] | None:
        user = body["messages"][1]["content"]
        data = json.loads(user)
        found = re.search(r"BEHAVE (\w+)", user)
        behave = found[1] if found else "good"
        with self._lock:
            self._seen[behave] = self._seen.get(behave, 0) + 1
            turn = self._seen[behave]
        soon = {"retry-after-ms": "1"}
        match behave:
            case "refuse":
                return self._chat({"content": None, "refusal": "I cannot help with that."})
            case "cut_off":
                return self._chat({"content": '{"summary": [{"quote": "It'}, "length")
            case "filtered":
                return self._chat({"content": ""}, "content_filter")
            case "prompt_filtered":
                return self._error(400, "content_filter", "The prompt was filtered.")
            case "too_long":
                return self._error(400, "context_length_exceeded", "Too many tokens.")
            case "no_json":
                return self._chat({"content": "Sure! Here is a summary."})
            case "json_at_second":
                if turn == 1:
                    return self._chat({"content": "Sure! {"})
            case "other_label":
                answer = good_answer(data["turns"])
                answer["reason"]["value"] = "weather"
                return self._chat({"content": json.dumps(answer)})
            case "nothing":
                return self._chat({"content": None})
            case "no_choices":
                return 200, {}, json.dumps({"id": "x", "object": "chat.completion", "choices": []})
            case "a_page":
                return 200, {"content-type": "text/html"}, "<html>Welcome</html>"
            case "busy":
                return (*self._error(429, "rate_limit_exceeded", "Slow down.", soon),)
            case "busy_once":
                if turn == 1:
                    return self._error(429, "rate_limit_exceeded", "Slow down.", soon)
            case "no_money":
                return self._error(429, "insufficient_quota", "Pay first.", soon)
            case "broken":
                return self._error(500, "server_error", "Oops.", soon)
            case "denied":
                return self._error(401, "invalid_api_key", "Wrong key sk-very-secret.")
            case "no_model":
                return self._error(404, "model_not_found", "No such model.")
            case "slow":
                time.sleep(1.4)
            case "hang_up":
                return None
        if "parts" in data:
            answer = dict(data["parts"][0])
            answer["outcome"] = data["parts"][-1]["outcome"]
            return self._chat({"content": json.dumps(answer)})
        return self._chat({"content": json.dumps(self.answer(data["turns"]))})

    def _chat(self, message: dict[str, Any], finish: str = "stop") -> tuple[int, dict[str, str], str]:
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
        answer = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [choice],
            "usage": USAGE,
        }
        return 200, {}, json.dumps(answer)

    def _error(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], str]:
        error = {"message": message, "type": "error", "param": None, "code": code}
        return status, headers or {}, json.dumps({"error": error})


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A ModelServer that listens on a free port of loopback."""
    model = ModelServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answered = model.handle(
                {**body, "path": self.path, "authorization": self.headers["authorization"]}
            )
            if answered is None:
                self.close_connection = True
                return
            status, headers, text = answered
            self.send_response(status)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            try:
                self.wfile.write(text.encode())
            except OSError:  # the client has lost patience
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    model.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
