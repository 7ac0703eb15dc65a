-- Made by `make generate` from lua/argocd/shared/actions/suspend/action.lua: change that.
obj.spec = obj.spec or {}
obj.spec.suspend = true
return obj
