-- Made by `make generate` from lua/argocd/shared/actions/discovery.lua: change that.
-- Which actions Argo CD offers for a resource of Seatwarden, and which of them make no sense just now.
-- While spec.suspend is true the operator acts upon nothing, so only `resume` does.

local metadata, spec, status = obj.metadata or {}, obj.spec or {}, obj.status or {}
local asked = metadata.annotations or {}
local suspended = spec.suspend == true
local idle = metadata.deletionTimestamp ~= nil or suspended
local actions = {}

local function offer(name, shown, icon, disabled)
  actions[name] = { displayName = shown, iconClass = 'fa fa-fw fa-' .. icon, disabled = disabled }
end

-- A request that waits is not made again.
local function waits(annotation, handled)
  return asked[annotation] ~= nil and asked[annotation] ~= handled
end

offer('reconcile', 'Reconcile now', 'redo', idle)
offer('suspend', 'Suspend the operator', 'pause-circle', idle)
offer('resume', 'Resume the operator', 'play-circle', metadata.deletionTimestamp ~= nil or not suspended)

if obj.kind == 'Tenant' then
  local waiting = waits('seatwarden.dev/rotate-signing-key-requested-at', status.lastHandledRotateSigningKeyAt)
  offer('suspend-access', 'Suspend the customer', 'user-slash', idle or spec.access == 'Suspended')
  offer('restore-access', 'Restore the customer', 'user-check', idle or spec.access ~= 'Suspended')
  offer('rotate-signing-key', 'Rotate the root key', 'key', idle or waiting)
end

if obj.kind == 'SeatPool' then
  local waiting = waits('seatwarden.dev/rotate-licence-key-requested-at', status.lastHandledRotateLicenceKeyAt)
  -- In shadow mode nobody is refused, so nothing drains.
  offer('drain', 'Drain', 'sign-out-alt', idle or spec.drain == true or spec.mode == 'Shadow')
  offer('undrain', 'Give seats again', 'sign-in-alt', idle or spec.drain ~= true)
  offer('rotate-licence-key', 'Rotate the licence key', 'key', idle or waiting)
end

return actions
