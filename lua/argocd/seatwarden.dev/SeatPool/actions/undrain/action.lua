obj.spec = obj.spec or {}
obj.spec.drain = false
return obj
