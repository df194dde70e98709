"""Settings for the tests of pipelines."""

import pytest

# Its asserts explain themselves only when pytest knows of them before they are imported.
pytest.register_assert_rewrite("tests.pipelines.folder_contract")
