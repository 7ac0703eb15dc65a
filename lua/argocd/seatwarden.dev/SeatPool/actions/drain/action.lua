obj.spec = obj.spec or {}
obj.spec.drain = true
return obj
