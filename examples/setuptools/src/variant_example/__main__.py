from . import label

print(label() or "a plain wheel, no variant")
