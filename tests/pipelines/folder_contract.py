"""What every pipeline folder must hold. A pipeline's test inherits it, and adds what is special about the pipeline.

class TestSurveyAnswers(FolderContract):
    name = "survey_answers"
"""

import importlib
import json
import subprocess
import sys
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from pydantic import BaseModel

from include.answer.structured_output import item_model, parse_answer, quote_paths, split_sentences
from include.lake.schemas import results_schema
from include.llm.endpoint import OPENAI_BASE_URL, Endpoint
from include.llm.prompt import load_prompt
from include.pipelines.chain import build_chain
from include.pipelines.definition import Pipeline
from include.pipelines.registry import load_pipeline
from include.quality.gate import SMALL_BATCH_RECORDS
from include.quality.golden import load_golden
from include.sources.record import Record, UnreadableRecord
from tests.fault_server.running import FaultServer
from tests.quality.judging import judge
from tests.sources.reading import read_files
from tests.stages.running import Deployment

ROOT = Path(__file__).parents[2]
PULLED_AT = datetime(2026, 11, 20, tzinfo=UTC)
HEAVY = ("pandas", "pyarrow", "openai", "great_expectations", "aiohttp", "requests", "boto3")

Labels = dict[str, dict[str, Any]]


class FolderContract:
    """The rules; each is a sentence.

    Args:
        name: of the pipeline.
    """

    name: ClassVar[str]

    @pytest.fixture(scope="class")
    @classmethod
    def pipeline(cls) -> Pipeline:
        """The pipeline as the registry loads it."""
        return load_pipeline(cls.name)

    @pytest.fixture(scope="class")
    @classmethod
    def pulled(cls, pipeline: Pipeline) -> list[Record | UnreadableRecord]:
        """The bundled sample as a run pulls it: cleaned and redacted."""
        rows = read_files(pipeline.sample_glob, source=cls.name, attributes=pipeline.attributes, pulled_at=PULLED_AT)
        return list(rows)

    @pytest.fixture(scope="class")
    @classmethod
    def texts(cls, pulled: list[Record | UnreadableRecord]) -> dict[str, str]:
        """Redacted text by record id."""
        return {record.record_id: record.text for record in pulled if isinstance(record, Record)}

    @pytest.fixture(scope="class")
    @classmethod
    def labels(cls, pipeline: Pipeline, texts: dict[str, str]) -> Labels:
        """What a careful person answers, by record id."""
        labels = load_golden(pipeline)
        check_ids(pipeline, texts, labels)
        return labels

    def test_people_are_told_what_it_is(self, pipeline: Pipeline) -> None:
        assert pipeline.title
        assert pipeline.owner not in ("", "airflow")
        assert "nightshift" in pipeline.tags
        assert f"<lake>/current/{self.name}" in pipeline.description

    def test_every_field_is_described(self, pipeline: Pipeline) -> None:
        """A model that takes schemas reads the descriptions: they are half of the prompt."""
        for model in models(pipeline.answer):
            assert [name for name, info in model.model_fields.items() if not info.description] == []

    def test_an_answer_allows_no_further_fields(self, pipeline: Pipeline) -> None:
        assert {model.model_config.get("extra") for model in models(pipeline.answer)} == {"forbid"}

    def test_the_sample_has_ids_of_its_own_and_times(self, pulled: list[Record | UnreadableRecord]) -> None:
        ids = [row.record_id for row in pulled]
        assert ids
        assert len(set(ids)) == len(ids)
        assert all(row.is_dated for row in pulled if isinstance(row, Record))

    def test_the_sample_has_every_attribute_in_its_type(
        self, pipeline: Pipeline, pulled: list[Record | UnreadableRecord]
    ) -> None:
        records = [row for row in pulled if isinstance(row, Record)]
        for name, kind in pipeline.attributes.items():
            values = [record.attributes.get(name) for record in records]
            assert any(value is not None for value in values), name
            assert all(value is None or isinstance(value, kind) for value in values), name

    def test_every_sample_that_can_be_read_has_a_label(self, texts: dict[str, str], labels: Labels) -> None:
        assert labels.keys() == texts.keys()

    def test_labels_are_answers_that_the_schema_allows(
        self, pipeline: Pipeline, texts: dict[str, str], labels: Labels
    ) -> None:
        """Read back through the model's own way, a label comes out as it is stored, its quotes word for word."""
        for record_id, label in labels.items():
            sentences = split_sentences(texts[record_id])
            content = json.dumps(as_the_model_says_it(pipeline, record_id, label, sentences))
            assert parse_answer(pipeline.answer, content, sentences) == label, record_id

    def test_the_same_text_has_the_same_label(self, texts: dict[str, str], labels: Labels) -> None:
        """It is paid for once, so its answers must be one."""
        by_text: dict[str, dict[str, Any]] = {}
        for record_id, text in texts.items():
            assert labels[record_id] == by_text.setdefault(text, labels[record_id]), record_id

    def test_the_prompts_load_and_name_every_field(self, pipeline: Pipeline, texts: dict[str, str]) -> None:
        """An example out of the samples would let the golden test mark its own homework."""
        assert pipeline.prompt_version in pipeline.prompt_versions()
        prompts = [load_prompt(pipeline.folder, version, pipeline.answer) for version in pipeline.prompt_versions()]
        assert len({prompt.hash for prompt in prompts}) == len(prompts)
        for prompt in prompts:
            assert prompt.examples
            for model in models(pipeline.answer):
                assert [name for name in model.model_fields if name not in prompt.system] == []
            assert not {text for text, *_ in prompt.examples} & set(texts.values())

    def test_prompts_show_attributes_that_the_pipeline_has(
        self, pipeline: Pipeline, pulled: list[Record | UnreadableRecord]
    ) -> None:
        """Each that the model is to see is declared, and the sample tries it."""
        endpoint = Endpoint(OPENAI_BASE_URL, None, is_demo=False)
        for version in pipeline.prompt_versions():
            chain = build_chain(pipeline, endpoint, pipeline.model, version)
            records = [record for record in pulled if isinstance(record, Record)]
            above = [chain.about(record.text, record.attributes).above for record in records]
            for before in (line.partition("{")[0] for line in chain.question.prompt.attribute_lines):
                assert any(line.startswith(before) for lines in above for line in lines.split("\n")), before

    def test_the_labels_pass_the_gate(self, pipeline: Pipeline, texts: dict[str, str], labels: Labels) -> None:
        judged = judge(pipeline, rows(pipeline, texts, labels))
        # First what a run would say.
        assert judged.result.suite_failures == []
        assert judged.failing_records == {}
        assert judged.success
        assert "shares" in judged.result.data_docs
        assert judged.failed == []

    @pytest.mark.slow
    def test_a_value_outside_its_closed_set_fails_its_record_alone(
        self, pipeline: Pipeline, texts: dict[str, str], labels: Labels
    ) -> None:
        for path in closed_sets(pipeline.answer):
            self._assert_fails_alone(pipeline, texts, labels, path, "of nobody's making")

    def test_a_quote_that_nobody_said_fails_its_record_alone(
        self, pipeline: Pipeline, texts: dict[str, str], labels: Labels
    ) -> None:
        for path in quote_paths(pipeline.answer):
            self._assert_fails_alone(pipeline, texts, labels, path, "Words that nobody said.")

    def test_a_record_that_comes_twice_fails(self, pipeline: Pipeline, texts: dict[str, str], labels: Labels) -> None:
        table = rows(pipeline, texts, labels)
        for parts in ([pa.concat_tables([table, table.slice(0, 1)])], [table, table.slice(0, 1)]):
            assert list(judge(pipeline, *parts).failing_records) == table["record_id"].to_pylist()[:1]

    @pytest.mark.slow
    def test_one_answer_for_nearly_everything_stops_a_night_of_real_size(
        self, pipeline: Pipeline, texts: dict[str, str], labels: Labels
    ) -> None:
        """A small night, or one of the bundled model, only warns."""
        (row,) = rows(pipeline, texts, labels).slice(0, 1).to_pylist()
        night = [{**row, "record_id": str(number)} for number in range(SMALL_BATCH_RECORDS)]
        table = pa.Table.from_pylist(night, schema=results_schema(pipeline.answer, []))
        varying = importlib.import_module(f"include.pipelines.{self.name}.expectations").FIELDS_THAT_VARY
        failed = [(field, "critical") for field in varying]
        assert judge(pipeline, table.slice(0, 100), table.slice(100)).failed == failed
        small = judge(pipeline, table.slice(1))
        assert small.success
        assert small.failed == [(field, "warning") for field in varying]
        assert judge(pipeline, table, is_demo=True).success

    def test_without_settings_the_samples_are_read(self, pipeline: Pipeline) -> None:
        assert pipeline.source is None or pipeline.source({}) is None

    def test_the_sample_goes_through_a_whole_run(
        self, pipeline: Pipeline, labels: Labels, tmp_path: Path, fault_server: FaultServer
    ) -> None:
        deployment = Deployment(tmp_path, fault_server.base_url, self.name)
        deployment.write_source(list(sample_lines(pipeline)))
        row = deployment.run()
        assert (row["state"], row["skipped"]) == ("success", 0)
        assert row["published"] == len(labels)
        assert list((tmp_path / "lake/reports" / self.name).glob("*/*.html"))

    def test_its_dag_bears_its_name(self) -> None:
        assert importlib.import_module(f"dags.{self.name}").dag.dag_id == self.name

    @pytest.mark.slow
    def test_nothing_heavy_is_imported_when_its_dag_is_parsed(self) -> None:
        # Only the folder's own files: Airflow imports the handlers of all installed providers by itself.
        code = (
            f"import sys, airflow.sdk, include.pipelines.{self.name}.pipeline\n"
            f"print([module for module in {HEAVY!r} if module in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip().splitlines()[-1] == "[]"

    def _assert_fails_alone(
        self, pipeline: Pipeline, texts: dict[str, str], labels: Labels, path: tuple[str, ...], value: str
    ) -> None:
        changed = json.loads(json.dumps(labels))
        record_id = next(key for key, label in changed.items() if list(holders(label, path)))
        holder = next(holders(changed[record_id], path))
        holder[path[-1]] = value
        judged = judge(pipeline, rows(pipeline, texts, changed))
        assert list(judged.failing_records) == [record_id], path
        assert judged.result.suite_failures == []


def models(answer: type[BaseModel]) -> list[type[BaseModel]]:
    """The answer's model and those of the items of its lists."""
    elements = [item_model(info) for info in answer.model_fields.values()]
    return [answer, *(element for element in elements if element is not None)]


def closed_sets(answer: type[BaseModel]) -> list[tuple[str, ...]]:
    """Where the closed sets of an answer are, as in `quote_paths`."""
    paths: list[tuple[str, ...]] = []
    for name, info in answer.model_fields.items():
        element = item_model(info)
        inner = element.model_fields.items() if element else ()
        paths += [(name, field) for field, field_info in inner if is_closed(field_info.annotation)]
        paths += [(name,)] if is_closed(info.annotation) else []
    return paths


def is_closed(annotation: Any) -> bool:
    """Whether a field takes one of a few given words."""
    return typing.get_origin(annotation) is typing.Literal or any(map(is_closed, typing.get_args(annotation)))


def holders(label: dict[str, Any], path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The parts of a label that have a field and a value in it."""
    for holder in label[path[0]] if len(path) == 2 else [label]:
        if holder[path[-1]] is not None:
            yield holder


def check_ids(pipeline: Pipeline, texts: dict[str, str], labels: Labels) -> None:
    """Every sample that can be read has a label, in any order, and every label a sample."""
    for ids, there_is_no in ((texts.keys() - labels.keys(), "label"), (labels.keys() - texts.keys(), "sample")):
        if ids:
            pytest.fail(f"{in_project(pipeline)}: there is no {there_is_no} for record_id {', '.join(sorted(ids))}")


def in_project(pipeline: Pipeline) -> Path:
    """Where the labels are."""
    return pipeline.golden_path.relative_to(ROOT)


def as_the_model_says_it(
    pipeline: Pipeline, record_id: str, label: dict[str, Any], sentences: list[str]
) -> dict[str, Any]:
    """A label with the numbers of sentences in place of its quotes."""
    said: dict[str, Any] = json.loads(json.dumps(label))
    for path in quote_paths(pipeline.answer):
        for holder in holders(said, path):
            quote = holder[path[-1]]
            if quote not in sentences:
                whole = "\n  ".join(sentences)
                pytest.fail(
                    f"{in_project(pipeline)}: record_id {record_id}: {'.'.join(path)} {quote!r} is none of the whole "
                    f"sentences of the redacted text:\n  {whole}"
                )
            holder[path[-1]] = sentences.index(quote) + 1
    return said


def rows(pipeline: Pipeline, texts: dict[str, str], labels: Labels) -> pa.Table:
    """The labels as if they were a run's answers."""
    answers = [
        {
            "record_id": record_id,
            "record_version": "1",
            "source": pipeline.name,
            "occurred_at": PULLED_AT,
            "text": texts[record_id],
            **label,
        }
        for record_id, label in labels.items()
    ]
    return pa.Table.from_pylist(answers, schema=results_schema(pipeline.answer, []))


def sample_lines(pipeline: Pipeline) -> Iterator[bytes]:
    """The lines of the bundled sample."""
    for path in sorted((pipeline.folder / "samples").glob("*.jsonl")):
        yield from (line for line in path.read_bytes().split(b"\n") if line.strip())
