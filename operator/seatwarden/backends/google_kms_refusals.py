"""Sentences for what Google Cloud KMS answers instead of what was asked for. docs/keys-in-google-cloud-kms.md lists them."""

from google.api_core import exceptions as refusals

from seatwarden.backends.google_kms_model import PERMISSIONS, KmsMethod

_LONGEST_QUOTE = 300


def refused_sentence(method: KmsMethod, resource: str, error: refusals.GoogleAPICallError) -> str:
    """Why `method` was refused, and what would change that."""
    permission, role = PERMISSIONS[method]
    match error:
        case refusals.PermissionDenied():
            reason = (
                f"the operator's Google service account lacks the permission {permission} on {resource}, or that "
                f"does not exist. Give it {role}, or a role of your own with this permission"
            )
        case refusals.Unauthenticated():
            reason = (
                "it does not know the operator. Bind the operator's Kubernetes service account to a Google one "
                "by workload identity"
            )
        case refusals.NotFound():
            reason = f"there is no {resource}. Make it, or name one that exists"
        case refusals.FailedPrecondition():
            reason = (
                f"the state of {resource} forbids it. A version that is disabled has to be enabled, and one that is "
                "scheduled for destruction restored, before it signs"
            )
        case refusals.InvalidArgument():
            reason = f"it does not take the request for {resource}; the location may lack this kind of key"
        case _:
            reason = f"it answered {_code(error)} for {resource}"
    return f"Google Cloud KMS refused {method}: {reason}. It said: {_quoted(error)}"


def away_sentence(method: KmsMethod, error: Exception) -> str:
    """Why `method` got no answer that can be used. It will be tried again."""
    match error:
        case refusals.ResourceExhausted():
            reason = "the quota is used up. Ask Google for more if that goes on"
        case refusals.DeadlineExceeded():
            reason = "no answer in time"
        case refusals.GoogleAPICallError():
            reason = f"it answered {_code(error)}"
        case _:
            reason = f"its answer arrived damaged ({error})"
    said = f" It said: {_quoted(error)}" if isinstance(error, refusals.GoogleAPICallError) else ""
    return f"Google Cloud KMS is away, {method}: {reason}.{said}"


def _code(error: refusals.GoogleAPICallError) -> str:
    code = error.grpc_status_code
    return str(code.name) if code is not None else str(error.code)


def _quoted(error: refusals.GoogleAPICallError) -> str:
    """Google's text, on one line and not too long for a condition."""
    return " ".join(str(error.message).split())[:_LONGEST_QUOTE] or "nothing"
