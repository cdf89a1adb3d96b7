import os
import sys

import requests

print(requests.get(f"{os.environ['API']}/{sys.argv[1]}").json()["path"])
