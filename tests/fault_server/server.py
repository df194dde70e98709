"""The server behind the connections: its paths, its checks in their order, its state."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from tests.fault_server import fast_json
from tests.fault_server.answers import default_content, tokens_of
from tests.fault_server.chat_request import BadRequest, ChatRequest, parse_chat_request
from tests.fault_server.connection import Connection, Exchange, HttpRequest
from tests.fault_server.dialects import spoken
from tests.fault_server.journal import Entry, Journal
from tests.fault_server.limits import Limits
from tests.fault_server.plan import Plan
from tests.fault_server.reply import Reply, error_reply
from tests.fault_server.script import Script
from tests.fault_server.slots import Slots
from tests.fault_server.status_faults import unknown_model, wrong_key

HOST = "127.0.0.1"
CHAT_PATH = "/v1/chat/completions"
# Listed when the plan names no models.
DEFAULT_MODEL = "fault-model"
# As many may wait for `accept` while the loop is busy with a large reply.
_BACKLOG = 1024


class FaultApplication:
    """Answers requests by a plan, and keeps the log.

    Args:
        plan: to begin with; `POST /_plan` sets another.
    """

    def __init__(self, plan: Plan) -> None:
        self.connections: set[Connection] = set()
        self.set_plan(plan)

    def set_plan(self, plan: Plan) -> None:
        """Start anew by this plan: its calls and seconds, the limits and the log begin now."""
        self._plan = plan
        self._script = Script(plan)
        self._limits = Limits(plan.limits)
        self._slots = Slots(plan.slots) if plan.slots else None
        self._journal = Journal()
        self._seen_prefixes: set[bytes] = set()

    def summary(self) -> str:
        """What happened so far, in one line."""
        counters = self._journal.counters
        statuses = ", ".join(f"{status or 'none'}: {count}" for status, count in sorted(counters.by_status.items()))
        return (
            f"{counters.requests} requests, {counters.answered_ok} answered well, {counters.rejected} over the limit, "
            f"{counters.total_tokens} tokens, at most {counters.max_in_flight} in flight; by status: {statuses or '-'}"
        )

    def connected(self) -> None:
        """A client has connected."""
        self._journal.counters.connections += 1

    def respond(self, request: HttpRequest) -> Exchange:
        """Decide the reply to a request."""
        url = urlsplit(request.target)
        if url.path.startswith("/_"):
            return Exchange(self._control(request, url.path, url.query), ended=lambda outcome: None)
        entry = Entry(
            number=0,
            at=time.time(),
            path=url.path,
            authorized=self._plan.api_key is None or _bearer(request) == self._plan.api_key,
            accept_encoding=request.headers.get(b"accept-encoding", b"").decode("latin-1"),
            body_hash=hashlib.blake2b(request.body, digest_size=12).hexdigest(),
            in_flight=0,
            body=request.body.decode("utf-8", "replace") if self._plan.keep_bodies else None,
        )
        if url.path == CHAT_PATH and request.method == "POST":
            reply = self._chat(request, entry)
        elif url.path.startswith("/v1/models") and request.method == "GET":
            reply = self._models(url.path, entry)
        else:
            message = f"Unknown request URL: {request.method} {url.path}."
            reply = error_reply(404, message, code="unknown_url")
        entry.status = reply.status
        entry.good = reply.good
        entry.prompt_tokens = reply.prompt_tokens
        entry.cached_tokens = reply.cached_tokens
        entry.completion_tokens = reply.completion_tokens
        self._journal.begin(entry)
        # Bound now: a plan that is set in the meantime starts a journal of its own.
        ended = partial(self._journal.end, entry)
        if self._slots is None or not entry.number:
            return Exchange(reply, ended)
        return Exchange(
            reply, partial(_leave, self._slots, entry.number, ended), partial(self._slots.enter, entry.number)
        )

    def _chat(self, request: HttpRequest, entry: Entry) -> Reply:
        counters = self._journal.counters
        counters.requests += 1
        counters.in_flight += 1
        counters.max_in_flight = max(counters.max_in_flight, counters.in_flight)
        entry.number, entry.in_flight = counters.requests, counters.in_flight
        if not entry.authorized:
            return wrong_key()
        try:
            chat = parse_chat_request(request.body, _bearer(request))
            entry.model, entry.key, entry.text_key = chat.model, chat.key, chat.text_key
            counters.calls_per_key[chat.key] += 1
            counters.calls_per_text[chat.text_key] += 1
            entry.attempt = counters.calls_per_text[chat.text_key]
            return self._answer(chat, entry)
        except BadRequest as error:
            return error_reply(400, str(error))
        except (ValueError, RecursionError) as error:
            # The plan, the text or the schema asks for what cannot be done: the test that did so has to see why.
            return error_reply(400, f"Fault server: {error}", kind="fault_server_error")

    def _answer(self, chat: ChatRequest, entry: Entry) -> Reply:
        if self._plan.models is not None and chat.model not in self._plan.models:
            return unknown_model(chat.model)
        if self._plan.dialect and (refusal := spoken(self._plan.dialect).refuse(chat.asked)):
            return refusal
        rejection = self._reject(chat)
        if rejection is not None:
            self._journal.counters.rejected += 1
            return self._limits.with_headers(rejection) if self._plan.rate_headers else rejection
        if chat.prefix_key in self._seen_prefixes:
            chat.cached_tokens = chat.prefix_tokens
        self._seen_prefixes.add(chat.prefix_key)
        reply, entry.fault = self._script.reply(chat, entry.number, entry.attempt)
        if reply.status == 200 and reply.delay_seconds == 0:
            delay = self._script.latency_seconds(chat, entry.attempt)
            reply = replace(reply, delay_seconds=delay) if delay else reply
        return self._limits.with_headers(reply) if self._plan.rate_headers else reply

    def _reject(self, chat: ChatRequest) -> Reply | None:
        if not self._plan.limits:
            return None
        used = chat.prompt_tokens
        if self._limits.needs_tokens:
            used += tokens_of(default_content(chat))
        return self._limits.admit(used, reserved=chat.prompt_tokens + (chat.max_tokens or 0))

    def _models(self, path: str, entry: Entry) -> Reply:
        if not entry.authorized:
            return wrong_key()
        names = self._plan.models or (DEFAULT_MODEL,)
        card = {"object": "model", "created": 0, "owned_by": "fault-server", **self._plan.of_models}
        cards = {name: {"id": name, **card} for name in names}
        wanted = path.removeprefix("/v1/models").strip("/")
        if not wanted:
            return Reply(200, fast_json.dumps({"object": "list", "data": list(cards.values())}))
        return Reply(200, fast_json.dumps(cards[wanted])) if wanted in cards else unknown_model(wanted)

    def _control(self, request: HttpRequest, path: str, query: str) -> Reply:
        match request.method, path:
            case "GET", "/_log":
                with_requests = parse_qs(query).get("requests") != ["0"]
                return Reply(200, fast_json.dumps(self._journal.as_json(with_requests=with_requests)))
            case "GET", "/_plan":
                return Reply(200, self._plan.model_dump_json().encode())
            case "POST", "/_plan":
                try:
                    self.set_plan(Plan.model_validate_json(request.body))
                except ValidationError as error:
                    return error_reply(400, str(error))
            case "POST", "/_reset":
                self.set_plan(self._plan)
            case _:
                return error_reply(404, f"There is no {request.method} {path}.")
        return Reply(200, b"{}")


def _leave(slots: Slots, number: int, ended: Callable[[str], None], outcome: str) -> None:
    ended(outcome)
    slots.leave(number)


def _bearer(request: HttpRequest) -> str | None:
    kind, _, token = request.headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


async def serve(
    application: FaultApplication,
    port: int,
    ready: Callable[[int, Callable[[], None]], None],
    certificate: Path | None = None,
) -> None:
    """Listen on 127.0.0.1 until told to stop.

    Args:
        application: answers.
        port: 0 takes a free one.
        ready: told the port, and what to call (from any thread) to stop.
        certificate: file with key and certificate, to be spoken to by TLS.

    Raises:
        OSError: the port is taken, or the certificate is none.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = await loop.create_server(lambda: Connection(application), HOST, port, backlog=_BACKLOG, ssl=context)

    def stop() -> None:
        loop.call_soon_threadsafe(stopped.set)

    ready(server.sockets[0].getsockname()[1], stop)
    try:
        await stopped.wait()
    finally:
        server.close()
        for connection in list(application.connections):
            connection.drop()
        # One turn of the loop, in which the dropped connections are closed.
        await asyncio.sleep(0)
