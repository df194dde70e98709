"""What the calls of a shard teach about its endpoint: how it takes questions, and how long its answers are."""

from dataclasses import replace

from include.llm.output_length import OutputLength
from include.llm.providers.provider_errors import Refused
from include.llm.providers.refusals import refusal_of
from include.llm.request import TINY_TEXT, Question

# Behind a gateway some back ends take a form of a question that others refuse, which costs nothing. So many refusals in
# a row are not of one back end in two.
MAX_FORM_REFUSALS = 10


class Learned:
    """Of one endpoint and model; shared by all conversations of a shard.

    Args:
        question: gives the answers; about a tiny text it tells whether anybody is answered.
        expected_output_tokens: of an answer, from earlier runs; None: there are none.
    """

    def __init__(self, question: Question, expected_output_tokens: int | None = None) -> None:
        self._lengths = {question.identity: OutputLength(question.cap, expected_output_tokens)}
        self._spelt: dict[str, Question] = {}
        self._refused_in_a_row = 0
        self._identity = question.identity
        self.probe = question.body(question.prepare(TINY_TEXT))

    def expected_output(self, question: Question) -> int:
        """Completion tokens that an answer is expected to have."""
        return self._length(question).expected

    def learn(self, question: Question, tokens: int) -> None:
        """Take in how long an answer was."""
        self._length(question).learn(tokens)
        self._refused_in_a_row = 0

    def spelt(self, question: Question) -> Question:
        """A question as the endpoint has been found to take it; its meaning and its key are the same."""
        return self._spelt.get(question.identity, question)

    def respell(self, question: Question, refused: Refused) -> Question | None:
        """The question in another spelling, because the endpoint refuses this one since the run was planned.

        Returns:
            None where no spelling is left: what else is refused would change what is asked.
        """
        if self.spelt(question).dialect != question.dialect:
            # Another call was refused before.
            return self.spelt(question)
        refusal = refusal_of(refused)
        dialect = question.dialect.learn(refusal, spelling_only=True) if refusal else None
        if dialect is None:
            return None
        respelt = self._spelt[question.identity] = replace(question, dialect=dialect)
        if question.identity == self._identity:
            # What is refused of a question for notes hits long texts alone.
            self.probe = respelt.body(respelt.prepare(TINY_TEXT))
        return respelt

    def may_be_one_of_several(self, refused: Refused) -> bool:
        """Whether the form of a question is refused that no spelling is left of, and others are still answered."""
        self._refused_in_a_row += 1
        return self._refused_in_a_row < MAX_FORM_REFUSALS and refusal_of(refused) is not None

    def _length(self, question: Question) -> OutputLength:
        length = self._lengths.get(question.identity)
        if length is None:
            length = self._lengths[question.identity] = OutputLength(question.cap)
        return length
