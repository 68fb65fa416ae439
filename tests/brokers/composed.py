"""docker-compose.yml without containers: what each service is told (command, environment, mounted files), with loopback
ports in the place of the names of services, and directories in the place of what is mounted."""

import re

import ports
import yaml


class Composed:
    """The services of the file, told where things are on this machine instead."""

    def __init__(self, root, directory, variables, free_ports=False):
        """`directory` takes what is mounted; `variables` are what ${…} stands for."""
        self.root, self.directory, self.variables, self.free_ports = root, directory, variables, free_ports
        self.file = yaml.safe_load((root / "docker-compose.yml").read_text())
        self.services = self.file["services"]
        self.given = {}
        names = "|".join(map(re.escape, self.services))
        self.known = re.compile(rf"(?<![\w.-])(?:({names})|0\.0\.0\.0|127\.0\.0\.1|localhost):(\d+)\b")

    def port(self, service, number):
        """The port that stands for a container's: the one that Compose publishes where that is free, else another."""
        key = (service, int(number))
        if key not in self.given:
            published = [one.split(":") for one in self.services[service].get("ports", ())]
            wanted = [int(outside) for _, outside, inside in published if inside == str(number)]
            self.given[key] = ports.lasting([] if self.free_ports else wanted, self.given.values())
        return self.given[key]

    def address(self, service, number):
        return f"127.0.0.1:{self.port(service, number)}"

    def told(self, service, text):
        """A text of this service's, about this machine instead of its container."""
        text = self.expand(text)
        here = {inside: str(place) for inside, place in self.mounts(service)}
        if here:
            mounted = "|".join(map(re.escape, sorted(here, key=len, reverse=True)))
            path = re.compile(rf"(?<![\w/.-])({mounted})(?=[/\s\"',;]|$)", re.M)
            text = path.sub(lambda one: here[one[1]], text)
        return self.known.sub(lambda one: self.address(one[1] or service, one[2]), text)

    def expand(self, text):
        return re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda one: self.variables.get(one[1], one[2] or ""), text)

    def mounts(self, service):
        """What is mounted into the container, and where that is here."""
        told = self.services[service]
        for one in told.get("volumes", ()):
            source, inside = one.split(":")[:2]
            is_file = source.startswith(".")
            yield inside, self.directory / ("files" if is_file else "volumes") / (service + inside if is_file else source)
        for one in told.get("tmpfs", ()):
            inside = one.split(":")[0]
            yield inside, self.directory / "tmpfs" / (service + inside)
        for name in told.get("secrets", ()):
            yield f"/run/secrets/{name}", self.root / self.expand(self.file["secrets"][name]["file"])

    def prepare(self, service, edit=lambda text: text):
        """Puts what is mounted where it is expected."""
        here = dict(self.mounts(service))
        for one in self.services[service].get("tmpfs", ()):
            here[one.split(":")[0]].mkdir(parents=True, exist_ok=True)
        for one in self.services[service].get("volumes", ()):
            source, inside = one.split(":")[:2]
            if not source.startswith("."):
                here[inside].mkdir(parents=True, exist_ok=True)
                continue
            source = self.root / source
            for path in source.rglob("*") if source.is_dir() else [source]:
                if not path.is_dir():
                    copy = here[inside] / path.relative_to(source) if source.is_dir() else here[inside]
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_text(edit(self.told(service, path.read_text())))

    def command(self, service):
        told = self.services[service]
        return [self.told(service, one) for one in (*told.get("entrypoint", ()), *told.get("command", ()))]

    def environment(self, service):
        told = self.services[service].get("environment", {})
        return {name: self.told(service, value) for name, value in told.items()}

    def health(self, service):
        """The command that tells whether it is well, or nothing."""
        _, *command = self.services[service].get("healthcheck", {}).get("test", [None])
        return [self.told(service, one) for one in command]

    def needs(self, service):
        """What has to be started before, and the condition that it has to meet."""
        return {name: how["condition"] for name, how in self.services[service].get("depends_on", {}).items()}

    def patience(self, service):
        """Seconds that it has for its end."""
        return int(self.services[service].get("stop_grace_period", "10s").rstrip("s"))

    def of_profile(self, profile=None):
        """The services that are started with this profile alone; without one, those that are started always."""
        return [name for name, told in self.services.items() if told.get("profiles", [None]) == [profile]]
