-- Made by `make generate` from lua/argocd/shared/actions/resume/action.lua: change that.
obj.spec = obj.spec or {}
obj.spec.suspend = false
return obj
