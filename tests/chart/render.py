"""The Helm chart, rendered by the real helm, and each of its objects held against the schemas of Kubernetes' own API.

render.py HELM CHART ARGUMENT...    prints the objects as JSON, one a line

The arguments are those of `helm template` (--values FILE, --set KEY=VALUE). What helm refuses, or a schema, ends in exit
code 1 with the reason on standard error.
"""

import json
import subprocess
import sys

import kubernetes_validate
import yaml

# The oldest that Chart.yaml accepts, and the newest whose schemas are known.
VERSIONS = ("1.27", kubernetes_validate.latest_version())
# Of the Prometheus operator: its schemas are not Kubernetes'.
FOREIGN = {("monitoring.coreos.com/v1", kind) for kind in ("ServiceMonitor", "PrometheusRule")}


def main(arguments):
    helm, chart, *more = arguments
    for one in render(helm, chart, more):
        if (one["apiVersion"], one["kind"]) not in FOREIGN:
            hold(one)
        print(json.dumps(one))


def render(helm, chart, more):
    fixed = ["--namespace", "messaging", "--kube-version", VERSIONS[-1]]
    command = [helm, "template", "relay", chart, *fixed, *more]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        # That links into deploy/ are followed is what they are there for.
        said = [line for line in done.stderr.splitlines() if "found symbolic link" not in line]
        sys.exit("\n".join(said))
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def hold(one):
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            sys.exit(f"{one['kind']} {one['metadata']['name']}, Kubernetes {version}: {path}: {error.message}")


main(sys.argv[1:])
