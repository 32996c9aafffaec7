"""Print the description."""

import json
import sys

from stack.openapi.document import document

json.dump(document(), sys.stdout, indent=1, ensure_ascii=False)
print()
