obj.spec = obj.spec or {}
obj.spec.access = 'Active'
return obj
