"""Small repositories with kustomizations, by name: what tests build and compare with kubectl."""

from __future__ import annotations

from textwrap import dedent

from tests.support.overlay_base import BASE

__all__ = ["OVERLAYS", "files_of"]

_OVER = "over/kustomization.yaml"

OVERLAYS: dict[str, dict[str, str]] = {
    "plain": {_OVER: "resources: [../base]"},
    "kind-and-version": {
        _OVER: "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../base]\n"
    },
    "namespace": {_OVER: "resources: [../base]\nnamespace: prod\n"},
    "affixes": {_OVER: "resources: [../base]\nnamePrefix: pre-\nnameSuffix: -suf\n"},
    "all-names": {_OVER: "resources: [../base]\nnamePrefix: pre-\nnamespace: prod\nnameSuffix: -suf\n"},
    "images": {
        _OVER: """
            resources: [../base]
            images:
            - {name: "registry.example:5000/bakery/web", newTag: 20261122103000-0123456789ab}
            - {name: side, newName: other/side, digest: "sha256:abcdef"}
            - {name: bakery/job, newTag: "2"}
            - {name: postgres, newName: "registry.example:5000/postgres"}
            - {name: absent, newTag: "2"}
        """
    },
    "image-tag-and-digest": {
        _OVER: "resources: [../base]\nimages: [{name: postgres, newTag: '16', digest: 'sha256:abc'}]\n"
    },
    "replicas": {
        _OVER: "resources: [../base]\nnamePrefix: p-\nreplicas: [{name: web, count: 3}, {name: db, count: 0}]\n"
    },
    "labels": {
        _OVER: """
            resources: [../base]
            labels:
            - pairs: {one: "1"}
            - pairs: {two: "2"}
              includeTemplates: true
            - pairs: {three: "3"}
              includeSelectors: true
        """
    },
    "common": {
        _OVER: "resources: [../base]\ncommonLabels: {a: b}\ncommonAnnotations: {note: 'it is'}\n",
    },
    "order-of-appearance": {_OVER: "resources: [../base]\nsortOptions: {order: fifo}\n"},
    "own-order": {
        _OVER: """
            resources: [../base]
            sortOptions: {order: legacy, legacySortOptions: {orderFirst: [Service, Deployment], orderLast: [Namespace]}}
        """
    },
    "strategic": {
        _OVER: """
            resources: [../base]
            patches:
            - path: web.yaml
            - patch: |
                apiVersion: bakery.example/v1
                kind: Oven
                metadata: {name: big}
                spec: {racks: [{name: c}]}
            - patch: |
                apiVersion: v1
                kind: ConfigMap
                metadata: {name: settings}
                $patch: delete
        """,
        "over/web.yaml": """
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: web
              annotations: {note: "y"}
            spec:
              replicas: 2
              strategy: {}
              template:
                spec:
                  containers:
                  - name: new
                    image: new
                    env: [{name: A, value: null}]
                  - name: web
                    env:
                    - {name: MODE, $patch: delete}
                    - {name: NEW, value: "1"}
                    - {name: NEVER, value: "on"}
                    ports: [{containerPort: 9090, name: prom}, {containerPort: 1}]
                    resources: {limits: {cpu: null}, requests: {cpu: 200m}}
                    readinessProbe: {httpGet: {path: /, port: 80}}
                  - name: side
                    $patch: delete
                  volumes:
                  - name: data
                    emptyDir: {}
                    persistentVolumeClaim: null
                  tolerations: [{key: a, operator: Exists}]
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec:
              selector: {$patch: replace, other: one}
              ports: [{port: 443, name: https}]
        """,
    },
    "strategic-list-replaced": {
        _OVER: """
            resources: [../base]
            patches:
            - patch: |
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: web}
                spec:
                  template:
                    spec:
                      containers:
                      - {$patch: replace}
                      - {name: only, image: only}
        """
    },
    "patch-by-target": {
        _OVER: """
            resources: [../base]
            patches:
            - target: {kind: Deployment|StatefulSet}
              patch: |
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: anything}
                spec: {revisionHistoryLimit: 2}
            - target: {name: we., kind: Service}
              patch: |
                - {op: add, path: /spec/type, value: NodePort}
                - {op: replace, path: /spec/ports/0/port, value: 81}
                - {op: add, path: /metadata/annotations, value: {a~b/c: d}}
                - {op: test, path: /metadata/annotations/a~0b~1c, value: d}
                - {op: copy, from: /spec/ports/0, path: /spec/ports/-}
            - target: {group: apps, version: v1, kind: Deployment, labelSelector: "team=bread,absent!=x"}
              patch: '[{"op": "remove", "path": "/spec/template/spec/containers/1"}]'
            - target: {kind: Nothing}
              patch: '[{"op": "remove", "path": "/spec/x"}]'
        """
    },
    "older-patches": {
        _OVER: """
            resources: [../base]
            namePrefix: p-
            patchesStrategicMerge:
            - patch.yaml
            - |-
              apiVersion: apps/v1
              kind: StatefulSet
              metadata: {name: db}
              spec: {replicas: 2}
            patchesJson6902:
            - target: {group: apps, version: v1, kind: Deployment, name: web}
              path: ops.yaml
        """,
        "over/patch.yaml": """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: settings}
            data: {a: null, c: three}
        """,
        "over/ops.yaml": "- op: add\n  path: /spec/template/spec/containers/0/args\n  value: [x, 1, true]\n",
    },
    "generators": {
        _OVER: """
            namePrefix: p-
            namespace: prod
            resources: [web.yaml]
            generatorOptions: {labels: {made: "yes"}}
            configMapGenerator:
            - name: settings
              literals: [a=b, 'q="quoted"', "s='single'", "html=<a>&é", "e=x=y"]
              files: [note.txt, other=note.txt, blob.bin]
              envs: [values.env]
            - name: fixed
              literals: [a=b]
              options: {disableNameSuffixHash: true, immutable: true, annotations: {x: "y"}}
            - name: empty
            secretGenerator:
            - name: keys
              literals: [password=secret]
              files: [long.txt]
            - name: typed
              type: kubernetes.io/tls
              literals: [tls.crt=a, tls.key=b]
        """,
        "over/web.yaml": """
            apiVersion: v1
            kind: Pod
            metadata: {name: web}
            spec:
              containers:
              - {name: web, image: web, envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: keys}}]}
              volumes: [{name: f, configMap: {name: fixed}}, {name: t, secret: {secretName: typed}}]
              imagePullSecrets: [{name: keys}]
        """,
        "over/note.txt": "hello\nworld\n",
        "over/blob.bin": "\udcff\udcfebinary",
        "over/long.txt": "0123456789" * 20,
        "over/values.env": "# comment\nA=1\n\nB= two words \nC=\n",
    },
    "generators-merge": {
        "lower/kustomization.yaml": """
            configMapGenerator:
            - {name: one, literals: [a=1, b=2]}
            - {name: two, literals: [a=1, b=2]}
            resources: [pod.yaml]
        """,
        "lower/pod.yaml": """
            apiVersion: v1
            kind: Pod
            metadata: {name: p}
            spec: {containers: [{name: c, image: c, envFrom: [{configMapRef: {name: one}}, {configMapRef: {name: two}}]}]}
        """,
        _OVER: """
            resources: [../lower]
            configMapGenerator:
            - {name: one, behavior: merge, literals: [b=3, c=4]}
            - {name: two, behavior: replace, literals: [c=4]}
        """,
    },
    "component": {
        _OVER: "resources: [../base]\ncomponents: [../extra]\nnamePrefix: p-\n",
        "extra/kustomization.yaml": """
            apiVersion: kustomize.config.k8s.io/v1alpha1
            kind: Component
            resources: [more.yaml]
            patches:
            - patch: |
                apiVersion: apps/v1
                kind: Deployment
                metadata: {name: web}
                spec: {replicas: 5}
        """,
        "extra/more.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n",
    },
    "cluster-scoped": {
        _OVER: """
            resources: [all.yaml]
            namespace: prod
            namePrefix: p-
            commonLabels: {part: shop}
        """,
        "over/all.yaml": """
            apiVersion: v1
            kind: List
            items:
            - {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: reader}, rules: []}
            - apiVersion: rbac.authorization.k8s.io/v1
              kind: ClusterRoleBinding
              metadata: {name: reader}
              roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
              subjects:
              - {kind: ServiceAccount, name: job, namespace: before}
              - {kind: ServiceAccount, name: default, namespace: before}
              - {kind: ServiceAccount, name: other, namespace: before}
              - {kind: Group, name: people}
            - {apiVersion: v1, kind: ServiceAccount, metadata: {name: job, namespace: before}}
            - {apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: low}, value: 1}
            - {apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: fast}, provisioner: x}
            - {apiVersion: v1, kind: PersistentVolume, metadata: {name: vol}, spec: {storageClassName: fast}}
            - apiVersion: v1
              kind: PersistentVolumeClaim
              metadata: {name: data, namespace: before}
              spec: {volumeName: vol, storageClassName: fast}
            - {apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: other}, spec: {controller: x}}
            - {apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, namespace: before},
               spec: {ingressClassName: nginx, defaultBackend: {service: {name: s, port: {number: 1}}}}}
            - {apiVersion: v1, kind: Service, metadata: {name: s, namespace: before}, spec: {ports: [{port: 1}]}}
            - apiVersion: admissionregistration.k8s.io/v1
              kind: ValidatingWebhookConfiguration
              metadata: {name: hook}
              webhooks: [{name: a.b.c, clientConfig: {service: {name: s, namespace: before}}}]
            - apiVersion: policy/v1
              kind: PodDisruptionBudget
              metadata: {name: pdb, namespace: before}
              spec: {minAvailable: 1, selector: {matchLabels: {app: a}}}
            - apiVersion: apps/v1
              kind: Deployment
              metadata: {name: d, namespace: before}
              spec:
                selector: {matchLabels: {app: a}}
                template:
                  metadata: {labels: {app: a}}
                  spec:
                    priorityClassName: low
                    serviceAccountName: job
                    containers: [{name: c, image: c}]
                    topologySpreadConstraints:
                    - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule,
                       labelSelector: {matchLabels: {app: a}}}
                    affinity:
                      podAntiAffinity:
                        requiredDuringSchedulingIgnoredDuringExecution:
                        - {topologyKey: host, labelSelector: {matchLabels: {app: a}}}
                        preferredDuringSchedulingIgnoredDuringExecution:
                        - {weight: 1, podAffinityTerm: {topologyKey: host, labelSelector: {matchLabels: {app: a}}}}
            - apiVersion: batch/v1
              kind: Job
              metadata: {name: j, namespace: before}
              spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: c}]}}}
        """,
    },
    "two-of-one-base": {
        _OVER: "resources: [../left, ../right]\n",
        "left/kustomization.yaml": "resources: [../base]\nnamePrefix: left-\nnamespace: left\n",
        "right/kustomization.yaml": "resources: [../base]\nnamePrefix: right-\nnamespace: right\n",
    },
    "scalars": {
        _OVER: "resources: [x.yaml]\n",
        "over/x.yaml": """
            apiVersion: bakery.example/v1
            kind: Oven
            metadata: {name: x, labels: {a: "010"}}
            spec: {o: 010, b: 0b11, h: 0x1F, oo: 0o17, e: 1e3, f: 1.50, yes: yes,
                   on: on, n: ~, s: 1:30, q: '1', dot: .5, neg: -3, plus: +4, "null": Null, yep: True, y: y, ver: 1.2.3,
                   eight: 08, big: 12345678901, "multi\\nline": "x", list: [], map: {}, tilde: "~"}
        """,
    },
    "aliases": {
        _OVER: "resources: [x.yaml]\n",
        "over/x.yaml": """
            apiVersion: bakery.example/v1
            kind: Oven
            metadata: {name: x}
            spec:
              first: &one {a: 1, b: [1, 2]}
              second: *one
              third: {<<: *one, a: 3}
        """,
    },
}
"""Each with the folder `over` to build; the folder `base` comes with every one."""


def files_of(name: str) -> dict[str, bytes]:
    """Return the files of one repository."""
    return {
        path: dedent(text).lstrip("\n").encode("utf-8", "surrogateescape")
        for path, text in {**BASE, **OVERLAYS[name]}.items()
    }
