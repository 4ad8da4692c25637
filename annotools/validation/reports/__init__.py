"""A validation result as text, JSON, JUnit XML or SARIF."""
