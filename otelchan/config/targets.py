"""Which processes are watched, and what they are called: the form of a rule."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from otelchan.config import patterns

CONDITIONS = ("exe", "container", "cgroup", "namespace", "pod", "container_name")

_Glob = Annotated[str, Meta(pattern=patterns.LINE, max_length=4096)]
_Digits = Annotated[str, Meta(pattern=patterns.CONTAINER)]
_Name = Annotated[str, Meta(pattern=patterns.LINE, max_length=300)]


class TargetRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done with processes that fit all the conditions that are given.

    exe: a glob of the executable's path, or without a slash of its name. container: how its id begins. cgroup: a glob
    of the path of a control group. namespace, pod, container_name: globs of names in Kubernetes. include: they are
    watched. exclude: they are not watched. service_name: they are watched, and what they are called.
    """

    exe: _Glob | None = None
    container: _Digits | None = None
    cgroup: _Glob | None = None
    namespace: _Glob | None = None
    pod: _Glob | None = None
    container_name: _Glob | None = None
    include: bool = False
    exclude: bool = False
    service_name: _Name | None = None

    def __post_init__(self) -> None:
        if not any(getattr(self, condition) for condition in CONDITIONS):
            raise ValueError(f"no condition is given, but one of {', '.join(CONDITIONS)} must be")
        if [self.exclude, self.include or bool(self.service_name)].count(True) != 1:
            raise ValueError("either exclude must be true, or include be true or service_name be given, and not both")


Rules = Annotated[
    tuple[TargetRule, ...],
    Meta(
        description=(
            "Rules for processes that `--exe` or `--all` finds, `{exe: '/srv/*', service_name: shop}` or "
            "`{cgroup: '/system.slice/*', exclude: true}`: the first that fits a process decides. `exe` is a glob of "
            "the executable's path, or without a slash of its name, `container` how the id of its container begins, "
            "`cgroup` a glob of the path of its control group, `namespace`, `pod` and `container_name` globs of its "
            "names in Kubernetes, where they are known (docs/kubernetes.md); all that are given must fit. `exclude`: "
            "it is not watched. `include`: it is, whatever later rules say. `service_name`: what it is called, also "
            "when it was named by its id."
        ),
        extra={
            "allowed": "a list of mappings with exe, container, cgroup, namespace, pod or container_name, and exclude, "
            "include or service_name; in a variable as JSON",
            "unit": "",
            "reload": False,
            "off": False,
        },
        max_length=1000,
    ),
]
