"""Recorded answers behind an OpenAI-compatible HTTP endpoint on 127.0.0.1: the weeks that `make run` plays.

    python -m include.local.recorded_server --port 8189

Each answer was written by hand for one text in `recorded/<pipeline>/week-<n>.jsonl`; no model is asked. It is given to
exactly the question that the production prompt asks about that text, and everything else is refused. The first word of
a run ("OK") is answered too, so that an edited prompt stops the run and an unknown text is put aside alone.
"""

import argparse
import hashlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from include.answer.structured_output import parse_answer
from include.errors import ConfigurationError, NightshiftError
from include.llm.chain import Chain, text_of_notes
from include.llm.endpoint import RECORDED_MODEL, Endpoint
from include.llm.request import TINY_TEXT, Question
from include.llm.token_count import token_counter
from include.llm.usage import TOKENS_PER_MESSAGE
from include.local.ports import HOST
from include.pipelines.chain import build_chain
from include.pipelines.definition import Pipeline
from include.pipelines.readable_records import readable_records
from include.pipelines.registry import load_pipeline
from include.sources.files.files import Files
from include.sources.record import Record

RECORDED = Path(__file__).parent / "recorded"
# As a small hosted model answers; each text has a wait of its own between half of it and one and a half.
ANSWER_SECONDS = 1.0
RETRY_AFTER_SECONDS = 1
FIRST_REPLIES = (None, "rate_limited", "broken")
SET_A_MODEL = "set a model: OPENAI_API_KEY or OPENAI_BASE_URL, or MODEL=bundled for the one that comes with Nightshift"
NOTHING_RECORDED = f"nothing recorded for this text and prompt; {SET_A_MODEL}"


@dataclass(frozen=True)
class Recorded:
    """One answer as the model would send it.

    Args:
        content: the assistant's message.
        first_reply: what the first question about the text gets instead: `rate_limited`, `broken` (an answer that
            stops in the middle), or None.
    """

    content: str
    first_reply: str | None = None


def question_hash(messages: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of the messages that ask one question: system message, examples, and the text between its marks."""
    return hashlib.sha256(json.dumps([[one["role"], one["content"]] for one in messages]).encode()).hexdigest()


def load_answers(folder: Path = RECORDED) -> dict[str, Recorded]:
    """All answers below a folder, by the hash of the question that each belongs to.

    Texts are read, redacted and put between marks by what does it in a run.

    Args:
        folder: has one folder a pipeline, with `week-<n>.jsonl` and `answers.jsonl` in it.

    Raises:
        ConfigurationError: an answer has no text, does not fit the schema, or stands twice; with its file and line.
    """
    found: dict[str, Recorded] = {}
    for path in sorted(folder.glob("*/answers.jsonl")):
        pipeline = load_pipeline(path.parent.name)
        endpoint = Endpoint(f"http://{HOST}/v1", None, is_demo=False, is_recorded=True)
        chain = build_chain(pipeline, endpoint, RECORDED_MODEL, pipeline.prompt_version)
        records = {week.stem: _records(pipeline, week) for week in path.parent.glob("week-*.jsonl")}
        for question in filter(None, (chain.question, chain.notes)):
            found[_hash_of(question, TINY_TEXT)] = Recorded("{}")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                entry = json.loads(line)
                record = records[f"week-{entry['week']}"][entry["id"]]
                for key, recorded in _questions(chain, record, entry):
                    if found.setdefault(key, recorded).content != recorded.content:
                        raise ValueError("the same text has another answer already")
            except (ValueError, LookupError, TypeError, NightshiftError) as error:
                raise ConfigurationError(
                    f"{path}, line {number}: no answer to a text of its week ({type(error).__name__}: {error}). "
                    "Correct the line."
                ) from error
    return found


def _records(pipeline: Pipeline, path: Path) -> dict[str, Record]:
    """Redacted records by their ids."""
    source = Files(str(path), "the recorded weeks")
    return {record.record_id: record for record in readable_records(pipeline, source)}


def _questions(chain: Chain, record: Record, entry: Mapping[str, Any]) -> Iterator[tuple[str, Recorded]]:
    """What is asked about a record, step by step, and what is recorded for it."""
    # Not `Chain.about`: its key takes the schema, and that the whole SDK, which doubles the time of the start.
    above = chain.question.prompt.above(record.text, record.attributes)
    chunks, notes = chain.chunks(record.text), entry.get("notes", [])
    if len(chunks) != len(notes):
        raise ValueError(f"{len(chunks)} parts are read one by one, and there are {len(notes)} notes")
    stored = []
    for chunk, note in zip(chunks, notes, strict=True):
        assert chain.notes is not None
        content = _encoded(note)
        stored.append(parse_answer(chain.notes.answer, content, []))
        yield _hash_of(chain.notes, chunk), Recorded(content)
    if entry.get("first_reply") not in FIRST_REPLIES:
        raise ValueError(f"first_reply is none of {FIRST_REPLIES}")
    asked, content = text_of_notes(stored) if chunks else record.text, _encoded(entry["answer"])
    parse_answer(chain.question.answer, content, chain.question.prepare(asked).sentences)
    yield _hash_of(chain.question, asked, above), Recorded(content, entry.get("first_reply"))


def _hash_of(question: Question, text: str, above: str = "") -> str:
    last = {"role": "user", "content": question.prepare(text, above).message}
    return question_hash([*question.prompt.constant_messages(), last])


def _encoded(answer: Any) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


class RecordedServer(ThreadingHTTPServer):
    """Gives the recorded answers.

    Args:
        port: 0: any that is free.
        answers: what `load_answers` gave.
        sleep: waits as long as an answer takes.
    """

    daemon_threads = True
    # A shard opens all its connections at once.
    request_queue_size = 128

    def __init__(self, port: int, answers: dict[str, Recorded], sleep: Callable[[float], Any] = time.sleep) -> None:
        super().__init__((HOST, port), _Handler)
        self.sleep = sleep
        self._answers = answers
        self._had_first_reply: set[str] = set()
        self._lock = threading.Lock()

    def reply(self, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body for one chat request; waits as long as an answer takes."""
        if request.get("model") != RECORDED_MODEL:
            said = f"This server replays recorded answers, under the name {RECORDED_MODEL} alone; {SET_A_MODEL}."
            return 404, _error("model_not_found", said)
        messages = request["messages"]
        # What follows the text is about an answer that was none.
        keys = (question_hash(messages[:end]) for end in range(len(messages), 0, -1))
        key = next((key for key in keys if key in self._answers), None)
        if key is None:
            return 400, _error("nothing_recorded", NOTHING_RECORDED)
        recorded = self._answers[key]
        self.sleep(ANSWER_SECONDS * (0.5 + int(key[:4], 16) / 0xFFFF))
        first_reply, content = self._first_reply(key, recorded), recorded.content
        if first_reply == "rate_limited":
            return 429, _error("rate_limit_exceeded", "Rate limit reached.")
        return 200, _completion(key, messages, content[: len(content) // 2] if first_reply else content)

    def _first_reply(self, key: str, recorded: Recorded) -> str | None:
        with self._lock:
            is_first = key not in self._had_first_reply
            self._had_first_reply.add(key)
        return recorded.first_reply if is_first else None


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


def _completion(key: str, messages: Sequence[Mapping[str, Any]], content: str) -> dict[str, Any]:
    count = token_counter(RECORDED_MODEL).count
    prompt = sum(count(message["content"]) + TOKENS_PER_MESSAGE for message in messages)
    completion = count(content)
    return {
        "id": f"recorded-{key[:12]}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": RECORDED_MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RecordedServer

    def do_GET(self) -> None:
        model = {"id": RECORDED_MODEL, "object": "model", "created": 0, "owned_by": "nightshift"}
        pages: dict[str, Any] = {"/health": {"status": "ok"}, "/v1/models": {"object": "list", "data": [model]}}
        page = pages.get(self.path)
        self._send(200 if page else 404, page or _error("not_found", "There is no such page."))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/v1/chat/completions":
            self._send(404, _error("not_found", "Only /v1/chat/completions is answered."))
            return
        try:
            reply = self.server.reply(json.loads(raw))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            reply = 400, _error("invalid_json", f"This is no chat request ({type(error).__name__}).")
        self._send(*reply)

    def _send(self, status: int, page: dict[str, Any]) -> None:
        body = json.dumps(page, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", str(RETRY_AFTER_SECONDS))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: what is asked holds customers' words."""


def serve(port: int) -> None:
    """Serve until a signal comes."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    answers = load_answers()
    with RecordedServer(port, answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"serving {len(answers)} recorded answers at {HOST}:{server.server_port}", flush=True)
        stop.wait()
        server.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    serve(parser.parse_args().port)
