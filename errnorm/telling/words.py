"""Every sentence and label of ours that a user may read, in English; the catalogues in `locale` translate them.

`{wait}` is a span of time on its own, as "5 minutes" is.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from errnorm.families import Family

# What looks alike to an end user: it is not theirs to mend, so that all of it is told in two ways.
WAITING_HELPS: Final = "service_unavailable"
WAITING_IS_NO_HELP: Final = "service_error"
ALIKE: Final[dict[str, str]] = {
    WAITING_HELPS: "A service that this page depends on is not available right now. "
    "Please try again in a little while.",
    WAITING_IS_NO_HELP: "Something went wrong on our side, and trying again will not help. We have made a note of it; "
    "if you get in touch, please give the reference.",
}

# Told apart: the user's own doing, or theirs to mend.
FAMILIES: Final[dict[str, str]] = {
    Family.VALIDATION: "Some of what you entered was not accepted. Please check it and send it again.",
    Family.AUTHENTICATION: "The connection to your account has ended. Please connect it again.",
    Family.PERMISSION: "Your account does not allow this. Whoever manages it can change that.",
    Family.NOT_FOUND: "What you asked for does not exist, or no longer exists.",
    Family.METHOD_NOT_ALLOWED: "This cannot be done here.",
    Family.CONFLICT: "This conflicts with what is already there. "
    "Please look at the current state before you try again.",
    Family.LOCKED: "This is closed or in use at the moment. Please try again later.",
    Family.PAYMENT: "The payment did not go through. Please check the payment details.",
    Family.PAYLOAD: "The file is too large or of a kind that is not accepted. Please choose another one.",
    Family.RATE_LIMIT: "There were too many requests at once. Please wait a little before you try again.",
    Family.SERVER: "A service that this page depends on had a problem. Please try again.",
    Family.UPSTREAM: "A service that this page depends on could not be reached. Please try again.",
    Family.UNAVAILABLE: "A service that this page depends on is temporarily unavailable. "
    "Please try again in a little while.",
    Family.TIMEOUT: "The answer took too long. Please try again.",
    Family.CONNECTION: "A service that this page depends on could not be reached. Please try again.",
    Family.UNKNOWN: "Something went wrong. If it happens again, please get in touch and give the reference.",
}

# The same where it is known how long to wait.
WAITING: Final[dict[str, str]] = {
    WAITING_HELPS: "A service that this page depends on is not available right now. You can try again in {wait}.",
    Family.LOCKED: "This is closed or in use at the moment. You can try again in {wait}.",
    Family.RATE_LIMIT: "There were too many requests at once. You can try again in {wait}.",
    Family.UNAVAILABLE: "A service that this page depends on is temporarily unavailable. You can try again in {wait}.",
}

# Files that were looked at before they were sent: `{size}` is one of SIZES on its own, `{types}` are endings.
FILES: Final[dict[str, str]] = {
    "FILE_TYPE_NOT_SUPPORTED": "Files of this type are not accepted. Please choose one of these types: {types}.",
    "FILE_EMPTY": "This file is empty. Please choose another one.",
    "FILE_TOO_LARGE": "This file is too large. Please choose one of at most {size}.",
    "TOO_MANY_FILES": "There are too many files. The most that can be sent at once: {files}.",
    "FILES_TOO_LARGE": "Together these files are too large. Please send at most {size} at once.",
}

FIELD: Final = "This was not accepted. Please check it."

# What the framework says itself, by status; `csrf` is a form that was sent too late or from elsewhere.
FRAMEWORK: Final[dict[int | str, str]] = {
    400: "The request could not be understood. Please go back and try again.",
    401: "Please sign in to continue.",
    402: FAMILIES[Family.PAYMENT],
    403: "You are not allowed to see or do this.",
    404: "This address does not exist, or no longer exists.",
    405: "This cannot be done at this address.",
    406: "This is not available in the form that was asked for.",
    408: "The request took too long to arrive. Please try again.",
    409: "Somebody else has changed this in the meantime. Please look at the current state and try again.",
    410: "What was here is gone for good.",
    412: "This has changed in the meantime. Please reload it.",
    413: "What you sent is too large.",
    414: "The address is too long.",
    415: "What you sent is of a kind that is not accepted here.",
    422: FAMILIES[Family.VALIDATION],
    423: FAMILIES[Family.LOCKED],
    429: FAMILIES[Family.RATE_LIMIT],
    500: "Something went wrong on our side. We have made a note of it; if you get in touch, please give the reference.",
    503: "This is not available right now. Please try again in a little while.",
    "csrf": "This form is out of date, or was sent from somewhere else. "
    "Please reload the page and send the form again.",
}

# The same where it is known how long to wait.
FRAMEWORK_WAITING: Final[dict[int | str, str]] = {
    423: WAITING[Family.LOCKED],
    429: WAITING[Family.RATE_LIMIT],
    503: "This is not available right now. You can try again in {wait}.",
}

# What a problem type is called where the app has pages about them (`type_base`).
TITLES: Final[dict[str, str]] = {
    WAITING_HELPS: "Not available right now",
    WAITING_IS_NO_HELP: "Something went wrong",
    Family.VALIDATION: "Please check what you entered",
    Family.AUTHENTICATION: "Please connect your account again",
    Family.PERMISSION: "Your account does not allow this",
    Family.NOT_FOUND: "Not found",
    Family.METHOD_NOT_ALLOWED: "Not possible here",
    Family.CONFLICT: "This conflicts with what is already there",
    Family.LOCKED: "Closed at the moment",
    Family.PAYMENT: "Please check the payment",
    Family.PAYLOAD: "Please choose another file",
    Family.RATE_LIMIT: "Too many requests at once",
    Family.SERVER: "A service had a problem",
    Family.UPSTREAM: "A service could not be reached",
    Family.UNAVAILABLE: "A service is temporarily unavailable",
    Family.TIMEOUT: "This took too long",
    Family.CONNECTION: "A service could not be reached",
    Family.UNKNOWN: "Something went wrong",
}

# The title where it has none (RFC 9457, 4.2.1): the status in words.
PHRASES: Final[dict[int, str]] = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    423: "Locked",
    424: "Failed Dependency",
    425: "Too Early",
    426: "Upgrade Required",
    428: "Precondition Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    451: "Unavailable For Legal Reasons",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    507: "Insufficient Storage",
    508: "Loop Detected",
    511: "Network Authentication Required",
}
OTHER_PHRASE: Final = "Error"


def phrase_of(status: int) -> str:
    """A status in words."""
    return PHRASES.get(status) or _OTHER_PHRASES.get(status) or OTHER_PHRASE


_OTHER_PHRASES = {int(status): status.phrase for status in HTTPStatus}


# What the page says around the text.
LABELS: Final[dict[str, str]] = {
    "errors": "Please check these entries",
    "wait": "Time left:",
    "again": "Try again",
    "ready": "You can try again now.",
    "reconnect": "Reconnect",
    "support": "Contact support",
    "reference": "Reference:",
    "copy": "Copy",
    "copied": "Copied.",
    "vendor": "Service:",
    "vendor_code": "Code:",
    "vendor_message": "Message:",
    "vendor_status": "Status:",
    "vendor_request_id": "Request ID:",
    "status": "Status:",
    "means": "What it means",
    "helps": "What you can do",
}

# What helps, on the page about a problem type.
ACTIONS: Final[dict[str, str]] = {
    "none": "There is nothing that you need to do.",
    "retry": "Please try again.",
    "wait": "Please wait a little and try again.",
    "fix_input": "Please check what you entered and send it again.",
    "reconnect": "Please connect your account again.",
    "ask_admin": "Please ask whoever manages your account.",
    "contact_support": "Please contact support and give the reference.",
}

# Sizes of files on their own.
SIZES: Final[dict[str, str]] = {
    "byte": "{count} bytes",
    "kilobyte": "{count} KB",
    "megabyte": "{count} MB",
    "gigabyte": "{count} GB",
}

# Spans of time on their own, one and several.
UNITS: Final[dict[str, tuple[str, str]]] = {
    "second": ("{count} second", "{count} seconds"),
    "minute": ("{count} minute", "{count} minutes"),
    "hour": ("{count} hour", "{count} hours"),
    "day": ("{count} day", "{count} days"),
}
