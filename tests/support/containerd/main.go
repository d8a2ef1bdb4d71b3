// Command containerd prints what containerd gives to a container that asks for nothing: its specification and its
// seccomp profile (Kubernetes' RuntimeDefault), and what the profile has more for each capability.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"reflect"

	"github.com/containerd/containerd/v2/contrib/seccomp"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/cap"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// profile of a container with these capabilities.
func profile(capabilities ...string) *specs.LinuxSeccomp {
	spec := &specs.Spec{
		Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: capabilities}},
		Linux:   &specs.Linux{},
	}
	return seccomp.DefaultProfile(spec)
}

// without is what of the rules is not in base.
func without(rules, base []specs.LinuxSyscall) []specs.LinuxSyscall {
	more := []specs.LinuxSyscall{}
	for _, rule := range rules {
		known := false
		for _, other := range base {
			known = known || reflect.DeepEqual(rule, other)
		}
		if !known {
			more = append(more, rule)
		}
	}
	return more
}

func main() {
	context := namespaces.WithNamespace(context.Background(), "k8s.io")
	spec, err := oci.GenerateSpec(context, nil, &containers.Container{ID: "id"})
	if err != nil {
		log.Fatal(err)
	}
	plain := profile()
	more := map[string][]specs.LinuxSyscall{}
	for _, name := range cap.Known() {
		if rules := without(profile(name).Syscalls, plain.Syscalls); len(rules) > 0 {
			more[name] = rules
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(map[string]any{"spec": spec, "seccomp": plain, "seccomp_with": more}); err != nil {
		log.Fatal(err)
	}
}
