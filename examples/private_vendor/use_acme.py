"""A vendor of one's own: two files of data beside this one, and no code but the path to them."""

from pathlib import Path

import errnorm

HERE = Path(__file__).parent

normalizer = errnorm.Normalizer(
    paths=[str(HERE / "acme.toml")],
    # the vendor's name for a field, and our form's
    vendors={"acme": {"fields": {"to.zip": "address.postcode"}}},
)
body = b'{"ok":false,"error":{"code":"bad_address","invalid":[{"field":"to.zip","why":"unknown"}]}}'
error = normalizer.parse(body, status=422, vendor="acme")
problem = normalizer.problem_for(error)
print(error)
print(problem.detail)
print([field.pointer for field in problem.errors])
