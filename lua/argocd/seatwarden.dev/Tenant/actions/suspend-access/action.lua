obj.spec = obj.spec or {}
obj.spec.access = 'Suspended'
return obj
