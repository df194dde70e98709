"""Put a pipeline's prompts, schemas and caps together into the chain that answers its texts."""

from collections.abc import Collection

from pydantic import BaseModel

from include.errors import ConfigurationError
from include.llm.chain import Chain
from include.llm.endpoint import Endpoint
from include.llm.prompt import Prompt, load_prompt, prompt_path
from include.llm.providers.dialect import Dialect, first_dialect
from include.llm.request import Question
from include.pipelines.definition import Pipeline


def build_chain(
    pipeline: Pipeline, endpoint: Endpoint, model: str, prompt_version: str, dialect: Dialect | None = None
) -> Chain:
    """The chain for one model and prompt version.

    Args:
        dialect: how the model wants to be asked, as it was learned; None: as it is known or set.

    Raises:
        ConfigurationError: a prompt file is missing or malformed, or shows what the pipeline does not declare, or the
            endpoint has no recorded answers.
    """
    endpoint.check_model(model)
    prompt = _prompt(pipeline, prompt_version, pipeline.answer, pipeline.attributes)
    # What a pipeline says is about its own model.
    own = {} if endpoint.comes_along else pipeline.dialect
    dialect = dialect or first_dialect(model, endpoint.base_url, {**own, **endpoint.dialect})
    question = Question(dialect, model, prompt, pipeline.answer, pipeline.max_output_tokens)
    if pipeline.chunking is None:
        return Chain(question)
    notes_model = pipeline.chunking.notes
    # Attributes stand above the notes in the last step.
    notes_prompt = _prompt(pipeline, prompt_version, notes_model, (), step="notes")
    notes = Question(dialect, model, notes_prompt, notes_model, pipeline.chunking.max_output_tokens)
    return Chain(question, notes, pipeline.chunking.chunk_characters)


def _prompt(
    pipeline: Pipeline, version: str, answer: type[BaseModel], attributes: Collection[str], step: str | None = None
) -> Prompt:
    prompt = load_prompt(pipeline.folder, version, answer, step)
    unknown = sorted(set(prompt.attributes) - set(attributes))
    if unknown:
        raise ConfigurationError(
            f"{prompt_path(pipeline.folder, version, step)} shows {', '.join(unknown)} above the text. It may show: "
            f"{', '.join(attributes) or 'nothing'}. Correct the name, or declare it in `attributes` in "
            f"{pipeline.folder / 'pipeline.py'}."
        )
    return prompt


def prompt_hash(chain: Chain) -> str:
    """Hash of the constant messages of all steps."""
    hashes = [chain.question.prompt.hash, *([chain.notes.prompt.hash] if chain.notes else [])]
    return "-".join(hashes)
