"""Nightly reading of the free-text answers of the guest survey."""

from include.pipelines.definition import Pipeline, ReportFields
from include.pipelines.survey_answers.output import Answer
from include.pipelines.survey_answers.source import source

PIPELINE = Pipeline(
    name="survey_answers",
    title="Survey answers",
    description="""
Reads every free-text answer of the guest survey once and says whether it is **praise, a problem, a suggestion, a
question** or says nothing, what its **theme** is, how much it **weighs** for the guest, what they **suggest**, and
which sentence shows it.

Analysts read `<lake>/current/survey_answers`: one row for each answer with its newest reading, beside the score that
the guest gave (`attr_score`). The model sees neither the score nor the question, only the answer. Answers that could
not be read are in `<lake>/quarantine/survey_answers`, each with the reason.

An answer that is changed is read again; one whose text did not change is not paid for twice. Personal data is redacted
before the text is stored or sent.
""",
    answer=Answer,
    source=source,
    report_fields=ReportFields(
        unit="answers",
        topic="theme",
        summary="summary",
        sentiment="sentiment",
        kind="kind",
        severity="weight",
        quote="quote",
        request="suggestion",
        defect_kinds=("problem",),
    ),
    owner="guest-relations",
    tags=("nightshift", "surveys"),
    schedule="0 4 * * *",
    attributes={"question": str, "score": int, "country": str, "trip": str, "house": str},
    # Nobody waits for a survey: where the provider has flex, mode="flex" asks at about half the price.
    # A usual answer has about 80 tokens; two sentences that fill their caps and the other fields have about 170.
    max_output_tokens=240,
    # The survey's field ends at 4,000 characters; what is longer did not come through it.
    max_text_characters=6_000,
)
