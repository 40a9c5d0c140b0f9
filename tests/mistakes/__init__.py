"""What people do wrong, and what they see then: the cases are data, in the YAML files beside this.

`tests/unit/test_mistakes.py` runs every one; `docs/mistakes.md` shows them.
"""
