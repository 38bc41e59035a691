"""`python -m fondaco_api.graphql`: prints schema.graphql from the code."""

import sys

from fondaco_api.graphql.schema import printed

sys.stdout.write(printed())
