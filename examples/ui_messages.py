"""An app's own words for vendors' failures: by code, by reason and by family, in two languages.

`python examples/ui_messages.py` prints what users read.
"""

import errnorm

MESSAGES = {
    # by the vendor's code, which is text
    "304": {
        "en": "We do not offer that language pair. Please choose another one.",
        "de": "Dieses Sprachpaar bieten wir nicht an. Bitte wählen Sie ein anderes.",
    },
    # by errnorm's reason, which may stand for several codes
    "PRICE_CHANGED": {
        "en": "The price has changed. Please look at the new offer.",
        "de": "Der Preis hat sich geändert. Bitte sehen Sie sich das neue Angebot an.",
    },
    # by family: whatever else the user can put right
    "validation": {
        "en": "Please check what you entered.",
        "de": "Bitte prüfen Sie Ihre Angaben.",
    },
}

normalizer = errnorm.Normalizer(
    vendors={"lionbridge": {"messages": MESSAGES}},
    # for every vendor, and for all failures that are not the user's doing
    messages={
        "service_unavailable": {
            "en": "Orders are paused for a moment. Please try again soon.",
            "de": "Bestellungen ruhen gerade. Bitte versuchen Sie es bald wieder.",
        },
    },
)


def told(body: bytes, status: int, vendor: str, language: str) -> errnorm.Problem:
    """What the user reads; `language` is a tag, or a whole Accept-Language header."""
    error = normalizer.parse(body, status=status, vendor=vendor)
    return normalizer.problem_for(error, language=language)


if __name__ == "__main__":
    for code in ("304", "305", "205", "306"):
        body = f"<Quote><Error><ReasonCode>{code}</ReasonCode></Error></Quote>".encode()
        for language in ("de-AT", "fr, en;q=0.5"):
            problem = told(body, 409, "lionbridge", language)
            print(f"{code} {problem.language}: {problem.detail}")
    print(f"429 de: {told(b'', 429, 'lionbridge', 'de').detail}")
