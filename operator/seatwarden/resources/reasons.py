"""Every `reason` that a condition can carry, what it means, and what to do about it.

This enum is the only vocabulary: conditions, Events, metrics, health checks and the reference page take
their reasons from here. Messages beside a reason are for people and may change; reasons are for programs
and do not.
"""

from enum import Enum, StrEnum
from typing import Self


class Outlook(Enum):
    """What happens next to a resource with a given reason, if nobody does anything."""

    SETTLED = "settled"
    """All is as wanted, or as a person has wanted it: nothing happens, nothing needs to."""
    RETRYING = "retrying"
    """The operator is at it, or tries again by itself with growing pauses."""
    WAITING = "waiting"
    """Another object of the cluster must change; the operator wakes up when it does."""
    TERMINAL = "terminal"
    """Trying again cannot help: a person must change this resource, or something that nobody watches."""


class Reason(StrEnum):
    """Why a condition has its status.

    Each member has an `outlook`, a `meaning` and a `remedy`; the latter two are sentences for people.
    """

    outlook: Outlook
    meaning: str
    remedy: str

    def __new__(cls, value: str, outlook: Outlook, meaning: str, remedy: str) -> Self:
        """Make a member of the text that goes to the API and its explanation."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.outlook = outlook
        member.meaning = meaning
        member.remedy = remedy
        return member

    SUCCEEDED = (
        "Succeeded",
        Outlook.SETTLED,
        "Everything that the spec asks for is so.",
        "Nothing.",
    )
    PROGRESSING = (
        "Progressing",
        Outlook.RETRYING,
        "The operator has seen this generation and is working on it.",
        "Wait; if it stays so for minutes, read the operator's log for this object.",
    )
    SUSPENDED = (
        "Suspended",
        Outlook.SETTLED,
        "spec.suspend is true, so changes of the spec are not acted upon.",
        "Set spec.suspend to false to go on.",
    )
    TENANT_NOT_FOUND = (
        "TenantNotFound",
        Outlook.WAITING,
        "No Tenant of the name in spec.tenantRef exists in this namespace.",
        "Create the Tenant in the same namespace, or replace this object by one with the right reference.",
    )
    TENANT_NOT_READY = (
        "TenantNotReady",
        Outlook.WAITING,
        "The Tenant exists but is not Ready.",
        "Look at the conditions of the Tenant.",
    )
    TENANT_SUSPENDED = (
        "TenantSuspended",
        Outlook.WAITING,
        "The Tenant's spec.access is Suspended, so no seat is granted or renewed.",
        "Set spec.access of the Tenant to Active.",
    )
    SUBSCRIPTION_NOT_FOUND = (
        "SubscriptionNotFound",
        Outlook.WAITING,
        "No Subscription of the name in spec.subscriptionRef exists in this namespace.",
        "Create the Subscription in the same namespace, or replace this object by one with the right name.",
    )
    SUBSCRIPTION_NOT_READY = (
        "SubscriptionNotReady",
        Outlook.WAITING,
        "The Subscription exists but is not Ready.",
        "Look at the conditions of the Subscription.",
    )
    SUBSCRIPTION_SUSPENDED = (
        "SubscriptionSuspended",
        Outlook.WAITING,
        "The Subscription is suspended, so no seat is granted or renewed.",
        "Look at the phase and the conditions of the Subscription.",
    )
    TRIAL_RUNNING = (
        "TrialRunning",
        Outlook.SETTLED,
        "The Subscription is a trial, which ends at status.trialEndsAt.",
        "Remove spec.trial when the Subscription is bought.",
    )
    TRIAL_ENDING = (
        "TrialEnding",
        Outlook.SETTLED,
        "The trial of the Subscription ends within three days; from then on no seat is granted or renewed.",
        "Remove spec.trial if the Subscription was bought, or give it a later end.",
    )
    TRIAL_ENDED = (
        "TrialEnded",
        Outlook.WAITING,
        "The trial of the Subscription is over, so no seat is granted or renewed.",
        "Remove spec.trial if the Subscription was bought, or give it a later end.",
    )
    SUBSCRIPTION_EXPIRED = (
        "SubscriptionExpired",
        Outlook.WAITING,
        "The Subscription's validUntil has passed, so no seat is granted or renewed.",
        "Set spec.validUntil of the Subscription to a later instant, or remove it.",
    )
    AWAITING_CUSTOMER = (
        "AwaitingCustomer",
        Outlook.WAITING,
        "The Tenant is no customer of its payment provider yet.",
        "Look at the condition BillingReady of the Tenant.",
    )
    AWAITING_CHECKOUT = (
        "AwaitingCheckout",
        Outlook.WAITING,
        "The customer has not paid yet on the page in status.checkoutURL.",
        "Send the address of the page to the customer. There is another one when it has expired.",
    )
    AWAITING_PAYMENT = (
        "AwaitingPayment",
        Outlook.WAITING,
        "The first payment for the Subscription has not come yet.",
        "Have the customer pay or confirm the invoice at Stripe. Without that it ends within a day.",
    )
    PAYMENT_METHOD_MISSING = (
        "PaymentMethodMissing",
        Outlook.WAITING,
        "The trial is over and Stripe has nothing to charge, so no seat is granted or renewed.",
        "Have the customer enter a means of payment, by a link that seatwarden.dev/portal-link-requested-at asks for.",
    )
    PAYMENT_OVERDUE = (
        "PaymentOverdue",
        Outlook.WAITING,
        "A payment has not come. Seats go on for spec.paymentGrace.",
        "Have the customer pay, or enter another means of payment.",
    )
    PAYMENT_GRACE_OVER = (
        "PaymentGraceOver",
        Outlook.WAITING,
        "A payment has not come within spec.paymentGrace, so no seat is granted or renewed.",
        "Have the customer pay; seats come back by themselves. A longer spec.paymentGrace brings them back, too.",
    )
    RENEWAL_UNKNOWN = (
        "RenewalUnknown",
        Outlook.RETRYING,
        "What was paid is used up, and Stripe could not be asked since whether it was renewed.",
        "See why Stripe does not answer: the condition BillingSynced says it.",
    )
    SUBSCRIPTION_CANCELED = (
        "SubscriptionCanceled",
        Outlook.WAITING,
        "The Subscription has ended as spec.cancel says.",
        "Delete it, or remove spec.cancel to begin a new one.",
    )
    SUBSCRIPTION_ENDED = (
        "SubscriptionEnded",
        Outlook.WAITING,
        "The Subscription has ended at Stripe, and the spec did not say so.",
        "To begin a new one, set spec.cancel to Immediately, and remove it again when BillingSynced is True.",
    )
    ENDING_SOON = (
        "EndingSoon",
        Outlook.SETTLED,
        "The Subscription ends soon, as the message says. Said in an Event only.",
        "Nothing, if it is to end. Otherwise remove spec.cancel, give it a later spec.validUntil, or have the customer pay.",
    )
    BILLING_AWAY = (
        "BillingAway",
        Outlook.RETRYING,
        "The payment provider does not answer or asks to wait. Seats go on by what was last known.",
        "Check that the operator may reach it; the message says what went wrong.",
    )
    BILLING_NOT_CONFIGURED = (
        "BillingNotConfigured",
        Outlook.TERMINAL,
        "The Tenant is to pay at Stripe, and the operator has no API key for it, or cannot read it.",
        "Start the operator with --stripe-key-file, see docs/billing.md; or set spec.billing.provider to None.",
    )
    BILLING_REFUSED = (
        "BillingRefused",
        Outlook.TERMINAL,
        "The payment provider refuses what the spec asks for.",
        "Do what the message says. It is tried again after a change, and by itself at long intervals.",
    )
    INVALID_PLAN = (
        "InvalidPlan",
        Outlook.TERMINAL,
        "The plan lacks what the Subscription does not say itself, or the ConfigMap seatwarden-plans cannot be read.",
        "Correct the field of the ConfigMap that the message names, or say it in the Subscription.",
    )
    INVALID_PRICE = (
        "InvalidPrice",
        Outlook.TERMINAL,
        "The price does not exist at Stripe, is not offered any more, or is paid at another interval.",
        "Correct spec.plan, or the price of the plan in the ConfigMap seatwarden-plans.",
    )
    CUSTOMER_NOT_FOUND = (
        "CustomerNotFound",
        Outlook.TERMINAL,
        "The customer in spec.billing.stripe.customerID does not exist at Stripe, or was deleted there.",
        "Correct the id, or remove it to have a customer made.",
    )
    CUSTOMER_CONFLICT = (
        "CustomerConflict",
        Outlook.TERMINAL,
        "The customer at Stripe belongs to an older Tenant, or to another cluster.",
        "Name another customer, or none to have one made; or delete the Tenant that has it.",
    )
    SEVERAL_SUBSCRIPTIONS = (
        "SeveralSubscriptions",
        Outlook.TERMINAL,
        "The customer has several subscriptions at Stripe that could be this one, so none was taken over or begun.",
        "End those at Stripe that are not wanted, so that one is left.",
    )
    DUPLICATE_ENDED = (
        "DuplicateEnded",
        Outlook.RETRYING,
        "There was a second subscription at Stripe for this one, and it was ended. What was paid for it is not paid back.",
        "Look at its invoices at Stripe and pay back what was paid twice.",
    )
    DRIFT_HEALING = (
        "DriftHealing",
        Outlook.RETRYING,
        "Somebody changed the subscription at Stripe, and it is being set back, as spec.driftPolicy says.",
        "Nothing. The message tells both values.",
    )
    DRIFT_ADOPTED = (
        "DriftAdopted",
        Outlook.SETTLED,
        "Somebody changed the subscription at Stripe, and that counts until the spec changes, as spec.driftPolicy says.",
        "Write into the spec what the message tells of Stripe, to have both the same again.",
    )
    DRIFT_REPORTED = (
        "DriftReported",
        Outlook.SETTLED,
        "Somebody changed the subscription at Stripe, and spec.driftPolicy says to leave that.",
        "Write into the spec what the message tells of Stripe, or set spec.driftPolicy to Heal.",
    )
    AWAITING_CAPACITY = (
        "AwaitingCapacity",
        Outlook.WAITING,
        "The Subscription has fewer seats left than this pool asks for; the pool works with those it got.",
        "Raise the seats of the Subscription, or lower those of this pool or of an older one.",
    )
    AWAITING_RESUME = (
        "AwaitingResume",
        Outlook.WAITING,
        "Redis has lost this pool, and it is not put back while spec.suspend of its Subscription or Tenant is true.",
        "Set spec.suspend of the Subscription and of the Tenant to false.",
    )
    OVER_CAPACITY = (
        "OverCapacity",
        Outlook.RETRYING,
        "More seats are held than the pool has with its overage, since it was made smaller; none is granted for now.",
        "Wait for holders to give seats back, or raise the seats again.",
    )
    EVICTION_PENDING = (
        "EvictionPending",
        Outlook.RETRYING,
        "More seats are held than the pool has with its overage, and the oldest leases are about to be evicted.",
        "Raise the seats again, or set spec.onShrink to Drain, if holders are to keep what they have.",
    )
    LEASES_EVICTED = (
        "LeasesEvicted",
        Outlook.SETTLED,
        "Leases were ended since the pool has fewer seats, as spec.onShrink says. Said in an Event only.",
        "Nothing; programs that lost their seat may ask for one again.",
    )
    OVERAGE_IN_USE = (
        "OverageInUse",
        Outlook.SETTLED,
        "Seats are held above the capacity of the pool, as spec.overage allows.",
        "Nothing; or more seats, if it stays so.",
    )
    OVERAGE_ENDED = (
        "OverageEnded",
        Outlook.SETTLED,
        "No seat is held above the capacity of the pool any more. Said in an Event only.",
        "Nothing.",
    )
    DRAINING = (
        "Draining",
        Outlook.SETTLED,
        "spec.drain is true: no new seat is given, and some are still held.",
        "Wait for holders to give their seats back, or set spec.drain to false.",
    )
    DRAINED = (
        "Drained",
        Outlook.SETTLED,
        "spec.drain is true, and no seat is held any more.",
        "Delete the pool, or set spec.drain to false.",
    )
    NOT_ENFORCED = (
        "NotEnforced",
        Outlook.SETTLED,
        "spec.mode is Shadow: what would be refused for want of a seat is granted and counted.",
        "Set spec.mode to Enforce when the numbers are as you expect.",
    )
    REDIS_UNAVAILABLE = (
        "RedisUnavailable",
        Outlook.RETRYING,
        "Redis did not answer in time, so what it holds is not known.",
        "Check that Redis runs and that the operator may reach it.",
    )
    REDIS_UNFIT = (
        "RedisUnfit",
        Outlook.RETRYING,
        "Redis answers, and may not hold seats as it is set up.",
        "Change on Redis what the message says; the operator notices it within half a minute.",
    )
    RECOVERING = (
        "Recovering",
        Outlook.RETRYING,
        "Redis may have lost what it knew of this pool, so for one lease length only programs that held a seat come back.",
        "Nothing; programs that hold a seat go on. See docs/redis.md for a Redis that loses nothing.",
    )
    DEVICE_REMOVED = (
        "DeviceRemoved",
        Outlook.SETTLED,
        "A device was removed from the pool, as seatwarden.dev/remove-device-requested asked for.",
        "Nothing. Another device can be registered in its place.",
    )
    DEVICE_NOT_REMOVED = (
        "DeviceNotRemoved",
        Outlook.SETTLED,
        "The device that seatwarden.dev/remove-device-requested names was not removed. The message says why.",
        "Correct the value, or wait until the device holds no seat, and ask again with another value.",
    )
    BORROWS_RESTORED = (
        "BorrowsRestored",
        Outlook.SETTLED,
        "Redis had lost leases that are borrowed, and they were put back from status.borrows.",
        "Nothing. See why Redis lost data: docs/redis.md.",
    )
    LICENCE_KEY_ROTATED = (
        "LicenceKeyRotated",
        Outlook.SETTLED,
        "The pool has a new licence key. The message says until when the one before still opens the pool.",
        "Give the new key to the programs of the pool.",
    )
    TOO_MANY_LICENCE_KEYS = (
        "TooManyLicenceKeys",
        Outlook.RETRYING,
        "As many licence keys open the pool as may, so the one that was asked for is made when the oldest dies.",
        "Wait, or shorten spec.licenceKey.overlap, which ends earlier keys sooner.",
    )
    STALE_TERM = (
        "StaleTerm",
        Outlook.RETRYING,
        "Another operator has become the leader while this one was at work; the new one goes on.",
        "Nothing; if it repeats, check the clocks and the load of the nodes on which the operators run.",
    )
    KUBERNETES_UNAVAILABLE = (
        "KubernetesUnavailable",
        Outlook.RETRYING,
        "The Kubernetes API did not answer in time or refused for the moment.",
        "Check the API server and its load.",
    )
    SIGNING_KEY_INVALID = (
        "SigningKeyInvalid",
        Outlook.TERMINAL,
        "The Secret of the signing key holds something that is not a private key of the expected kind.",
        "Restore the Secret from a backup, or delete it for a new key, which ends trust in the old one.",
    )
    SIGNING_KEYS_AWAY = (
        "SigningKeysAway",
        Outlook.RETRYING,
        "The place where root keys are kept does not answer. What was signed before goes on being good.",
        "Check that the place may be reached; the message says what went wrong.",
    )
    SIGNING_KEY_REFUSED = (
        "SigningKeyRefused",
        Outlook.TERMINAL,
        "The place where root keys are kept refuses to make one or to sign with it.",
        "Do what the message says, such as giving a right or enabling the key again. It is tried again by itself.",
    )
    SIGNING_BUDGET_SPENT = (
        "SigningBudgetSpent",
        Outlook.RETRYING,
        "The Tenant's root key has signed as many documents as it may in a day, so what changes now is signed later.",
        "Find out what changes its Subscriptions so often. What was signed before goes on being good.",
    )
    TOO_MANY_SIGNING_KEYS = (
        "TooManySigningKeys",
        Outlook.RETRYING,
        "As many root keys are known as may be, so the one that is due is made when the oldest has ended.",
        "Wait, or replace root keys less often.",
    )
    SIGNING_KEY_ROTATED = (
        "SigningKeyRotated",
        Outlook.SETTLED,
        "Another root key signs from now on. The one before it is believed as long as anything that it signed counts.",
        "Nothing.",
    )
    SIGNING_KEY_COMPROMISED = (
        "SigningKeyCompromised",
        Outlook.SETTLED,
        "A root key that spec.signing.compromised names signs no more and is believed no more.",
        "Have customers who work offline take the new licence documents.",
    )
    AWAITING_SIGNING_KEY = (
        "AwaitingSigningKey",
        Outlook.RETRYING,
        "The Tenant has no root key that signs yet.",
        "See the condition SigningKeyReady of the Tenant.",
    )
    CONFIG_MAP_CONFLICT = (
        "ConfigMapConflict",
        Outlook.TERMINAL,
        "A ConfigMap of the name that the operator needs exists and belongs to something else.",
        "Rename or delete that ConfigMap, or give this resource another name.",
    )
    ISSUER_UNAVAILABLE = (
        "IssuerUnavailable",
        Outlook.RETRYING,
        "The public keys of an issuer in spec.identity cannot be read. Those that were read last go on being used.",
        "Check the address and that the operator may reach it; the message says what went wrong.",
    )
    SECRET_CONFLICT = (
        "SecretConflict",
        Outlook.TERMINAL,
        "A Secret of the name that the operator needs exists and belongs to something else.",
        "Rename or delete that Secret, or give this resource another name.",
    )
    INVALID_SECRET = (
        "InvalidSecret",
        Outlook.TERMINAL,
        "A Secret of this resource lacks its data or holds what cannot be used.",
        "Restore the Secret from a backup, or delete it to have a new one made.",
    )
    INVALID_SPEC = (
        "InvalidSpec",
        Outlook.TERMINAL,
        "The stored spec breaks a rule of this version, as can happen after an upgrade of the CRDs.",
        "Change the field that the message names.",
    )
    DELETING = (
        "Deleting",
        Outlook.RETRYING,
        "The resource is being deleted and what belongs to it is being cleared away.",
        "Wait.",
    )
    DELETION_BLOCKED_BY_REDIS = (
        "DeletionBlockedByRedis",
        Outlook.RETRYING,
        "The resource is being deleted, but Redis does not answer, so its seats cannot be cleared away.",
        "Bring Redis back.",
    )
    DELETION_BLOCKED_BY_DEPENDENTS = (
        "DeletionBlockedByDependents",
        Outlook.WAITING,
        "The resource is being deleted, but others that refer to it still need it.",
        "Delete those that the message names.",
    )
    INTERNAL_ERROR = (
        "InternalError",
        Outlook.RETRYING,
        "The operator met an error that it did not expect; this is a bug.",
        "Report it with the operator's log of this object.",
    )
