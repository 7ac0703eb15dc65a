obj.spec = obj.spec or {}
obj.spec.suspend = true
return obj
