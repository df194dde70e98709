"""Nightly reading of the app store reviews."""

from include.pipelines.app_store_reviews.output import Answer
from include.pipelines.app_store_reviews.source import source
from include.pipelines.definition import Pipeline, ReportFields

PIPELINE = Pipeline(
    name="app_store_reviews",
    title="App store reviews",
    description="""
Reads every app store review of the night's window once and takes out each **bug, feature request, complaint, praise
and question** in it, with its topic, its severity, a one-sentence summary and the customer's own sentence; and says
in which language and how the customer feels about the app. The model sees title and rating beside the text.

Analysts read `<lake>/current/app_store_reviews`: one row for each review with its newest answer; `feedback` is a list,
so unnest it to count points rather than reviews. Reviews that could not be answered are in
`<lake>/quarantine/app_store_reviews`, each with the reason.

An edited review is read again; one whose text did not change is not paid for twice. Personal data is redacted before
the text is stored or sent.
""",
    answer=Answer,
    source=source,
    report_fields=ReportFields(
        unit="reviews",
        items="feedback",
        topic="topic",
        topic_other="topic_other",
        summary="summary",
        sentiment="sentiment",
        kind="kind",
        severity="severity",
        quote="quote",
        request_kinds=("feature_request",),
        defect_kinds=("bug",),
    ),
    owner="product-insights",
    tags=("nightshift", "reviews"),
    schedule="0 2 * * *",
    attributes={"rating": int, "app_version": str, "country": str, "title": str},
    prompt_version="v3",
    # A usual answer has 60 to 150 tokens; eight points with full summaries have about 550.
    max_output_tokens=600,
    # Stores cap reviews at 6,000 characters (Apple) or less; what is longer is no review.
    max_text_characters=8_000,
)
