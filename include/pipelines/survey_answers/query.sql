-- One row for each free-text answer: `answers` has one for each question of a form, most of them numbers or empty.
-- An answer may be changed as long as the form is open; `updated_at` decides which night it belongs to.
SELECT
    answers.id,
    answers.answer AS text,
    answers.submitted_at AS created_at,
    answers.updated_at AS changed_at,
    answers.question,
    forms.score,
    forms.country,
    forms.trip,
    forms.house
FROM survey_answers AS answers
JOIN survey_forms AS forms ON forms.id = answers.form_id
WHERE answers.updated_at >= :window_start
    AND answers.updated_at < :window_end
    AND trim(answers.answer) <> ''
