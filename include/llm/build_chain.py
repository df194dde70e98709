"""Put a pipeline's prompts, schemas and caps together into the chain that answers its texts."""

from include.llm.answering import Chain
from include.llm.dialect import Dialect, first_dialect
from include.llm.endpoint import Endpoint
from include.llm.prompt import load_prompt
from include.llm.request import Question
from include.pipelines.definition import Pipeline


def build_chain(
    pipeline: Pipeline, endpoint: Endpoint, model: str, prompt_version: str, dialect: Dialect | None = None
) -> Chain:
    """The chain for one model and prompt version.

    Args:
        dialect: how the model wants to be asked, as it was learned; None: by its name.

    Raises:
        ConfigurationError: a prompt file is missing or malformed, or the endpoint has no recorded answers.
    """
    endpoint.check_model(model)
    prompt = load_prompt(pipeline.folder, prompt_version, pipeline.answer)
    dialect = dialect or first_dialect(model, is_openai=endpoint.is_openai)
    question = Question(dialect, model, prompt, pipeline.answer, pipeline.max_output_tokens)
    if pipeline.chunking is None:
        return Chain(question)
    notes_model = pipeline.chunking.notes
    notes_prompt = load_prompt(pipeline.folder, prompt_version, notes_model, step="notes")
    notes = Question(dialect, model, notes_prompt, notes_model, pipeline.chunking.max_output_tokens)
    return Chain(question, notes, pipeline.chunking.chunk_characters)


def prompt_hash(chain: Chain) -> str:
    """Hash of the constant messages of all steps."""
    hashes = [chain.question.prompt.hash, *([chain.notes.prompt.hash] if chain.notes else [])]
    return "-".join(hashes)
