-- Made by `make generate` from lua/argocd/shared/health.lua: change that.
-- When Argo CD shows a resource of Seatwarden as Healthy, Progressing, Suspended or Degraded. The same for every kind: what a
-- kind does not have is absent. Questions are asked in the order in which a person would ask them; the first answer counts.
-- Plain Lua 5.1 without libraries, as Argo CD runs what is in its ConfigMap without `string` and `math`.

-- What a resource is that says a reason.
local colours = {
  Succeeded = 'Healthy',
  Progressing = 'Progressing',
  Suspended = 'Suspended',
  TenantNotFound = 'Degraded',
  TenantNotReady = 'Progressing',
  TenantSuspended = 'Suspended',
  SubscriptionNotFound = 'Degraded',
  SubscriptionNotReady = 'Progressing',
  SubscriptionSuspended = 'Suspended',
  TrialRunning = 'Healthy',
  TrialEnding = 'Healthy',
  TrialEnded = 'Degraded',
  SubscriptionExpired = 'Degraded',
  AwaitingCustomer = 'Degraded',
  AwaitingCheckout = 'Degraded',
  AwaitingPayment = 'Degraded',
  PaymentMethodMissing = 'Degraded',
  PaymentOverdue = 'Degraded',
  PaymentGraceOver = 'Degraded',
  RenewalUnknown = 'Progressing',
  SubscriptionCanceled = 'Degraded',
  SubscriptionEnded = 'Degraded',
  EndingSoon = 'Healthy',
  BillingAway = 'Progressing',
  BillingNotConfigured = 'Degraded',
  BillingRefused = 'Degraded',
  InvalidPlan = 'Degraded',
  InvalidPrice = 'Degraded',
  CustomerNotFound = 'Degraded',
  CustomerConflict = 'Degraded',
  SeveralSubscriptions = 'Degraded',
  DuplicateEnded = 'Progressing',
  DriftHealing = 'Progressing',
  DriftAdopted = 'Healthy',
  DriftReported = 'Healthy',
  AwaitingCapacity = 'Degraded',
  AwaitingResume = 'Degraded',
  OverCapacity = 'Progressing',
  EvictionPending = 'Progressing',
  LeasesEvicted = 'Healthy',
  OverageInUse = 'Healthy',
  OverageEnded = 'Healthy',
  Draining = 'Suspended',
  Drained = 'Suspended',
  NotEnforced = 'Healthy',
  RedisUnavailable = 'Progressing',
  RedisUnfit = 'Degraded',
  Recovering = 'Progressing',
  DeviceRemoved = 'Healthy',
  DeviceNotRemoved = 'Healthy',
  BorrowsRestored = 'Healthy',
  LicenceKeyRotated = 'Healthy',
  TooManyLicenceKeys = 'Healthy',
  StaleTerm = 'Progressing',
  KubernetesUnavailable = 'Progressing',
  SigningKeyInvalid = 'Degraded',
  SigningKeysAway = 'Progressing',
  SigningKeyRefused = 'Degraded',
  SigningBudgetSpent = 'Degraded',
  TooManySigningKeys = 'Healthy',
  SigningKeyRotated = 'Healthy',
  SigningKeyCompromised = 'Healthy',
  AwaitingSigningKey = 'Progressing',
  ConfigMapConflict = 'Degraded',
  IssuerUnavailable = 'Progressing',
  SecretConflict = 'Degraded',
  InvalidSecret = 'Degraded',
  InvalidSpec = 'Degraded',
  Deleting = 'Progressing',
  DeletionBlockedByRedis = 'Progressing',
  DeletionBlockedByDependents = 'Progressing',
  InternalError = 'Degraded',
}

local function answer(status, message)
  return { status = status, message = message }
end

local function told(condition)
  if condition.message == nil or condition.message == '' then
    return condition.reason or condition.type
  end
  return (condition.reason or condition.type) .. ': ' .. condition.message
end

local metadata, spec, status = obj.metadata or {}, obj.spec or {}, obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready = conditions.Ready

-- Is it going?
if metadata.deletionTimestamp ~= nil then
  return answer('Progressing', ready ~= nil and told(ready) or 'Pending deletion')
end

-- Has the operator seen what is wanted now?
local generation = metadata.generation
if ready == nil or status.observedGeneration == nil then
  return answer('Progressing', 'The operator has not reported yet.')
end
if generation ~= nil and (status.observedGeneration ~= generation or (ready.observedGeneration or generation) ~= generation) then
  return answer('Progressing', 'The operator has not seen generation ' .. tostring(generation) .. ' yet.')
end

-- Is all so that is wanted? If not, the reason decides. One that is newer than this file: whether a person must act.
if ready.status ~= 'True' then
  local colour = colours[ready.reason]
  if colour == nil or colour == 'Healthy' then
    colour = conditions.Reconciling ~= nil and conditions.Reconciling.status == 'True' and 'Progressing' or 'Degraded'
  end
  return answer(colour, told(ready))
end

-- Is it wanted that no seat is given?
if spec.access == 'Suspended' then
  return answer('Suspended', 'spec.access is Suspended: no seat is granted or renewed.')
end
if conditions.Draining ~= nil and conditions.Draining.status == 'True' then
  return answer('Suspended', told(conditions.Draining))
end

-- Are more seats held than there are, so that none is given?
if conditions.OverCapacity ~= nil and conditions.OverCapacity.status == 'True' then
  return answer('Progressing', told(conditions.OverCapacity))
end

-- Seats can be taken. Is something else not so?
for _, kind in ipairs({ 'RedisReady', 'SigningKeyReady', 'IdentityReady', 'LicenceReady' }) do
  local beside = conditions[kind]
  if beside ~= nil and beside.status == 'False' then
    local colour = colours[beside.reason] or 'Degraded'
    if colour ~= 'Healthy' then
      return answer(colour, told(beside))
    end
  end
end

local message = ready.message or ''
for _, kind in ipairs({ 'Overage', 'ShadowMode', 'Trialing', 'RotationWaiting' }) do
  local note = conditions[kind]
  if note ~= nil and note.status == 'True' and note.message ~= nil and note.message ~= '' then
    message = message .. ' ' .. note.message
  end
end
return answer('Healthy', message)
